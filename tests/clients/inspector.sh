#!/bin/bash
# The command line of the official Inspector (npm @modelcontextprotocol/inspector):
# inspector.sh sse|http|auto|modern
#
# Every invocation connects, asks once and leaves. It can neither ping, cancel nor resume, and it
# ends Streamable HTTP sessions without DELETE.
. "$(dirname "$0")/checks.sh"

case $1 in
    sse) where=(--transport sse --server-url "$base/sse") era=legacy revision=2025-11-25 ;;
    http) where=(--transport http --server-url "$base/mcp") era=legacy revision=2025-11-25 ;;
    auto | modern)
        where=(--transport http --server-url "$base/mcp") era=$1 revision=2026-07-28
        ;;
esac
# It keeps a catalogue in the home directory.
export HOME=$scratch

inspect() {
    timeout $((20 * slowness)) "$installed/node_modules/.bin/mcp-inspector" --cli --quiet \
        --format json --protocol-era "$era" "${where[@]}" --method "$@"
}

# call TOOL [JSON]
call() {
    inspect tools/call --tool-name "$1" --tool-args-json "${2:-"{}"}"
}

negotiates_the_revision_it_asked_for() {
    expect "\"protocolVersion\":\"$revision\"" "$(inspect initialize)"
}

falls_back_by_itself() {
    expect '"protocolVersion":"2025-11-25"' "$(era=auto inspect initialize)"
    expect '"text":"auto"' "$(era=auto call echo '{"text":"auto"}')"
}

learns_that_it_cannot_insist() {
    expect 'did not offer pinned' "$(era=modern inspect initialize 2>&1)"
}

lists_tools() {
    local answer
    # `--strict` fails on a schema that some client could not read.
    answer=$(inspect tools/list --strict) || { echo "exit status $?: $answer"; exit 1; }
    for name in add count echo fail slow system-info; do
        expect "\"name\":\"$name\"" "$answer"
    done
}

calls_tools() {
    expect '"text":"Grüße"' "$(call echo '{"text":"Grüße"}')"
    expect '"structuredContent":\{"sum":-1.5\}' "$(call add '{"a":2.5,"b":-4}')"
    expect '"structuredContent":\{"' "$(call system-info)"
    expect 'done 5"' "$(call count '{"to":5}')"
}

learns_why_a_tool_failed() {
    local answer
    answer=$(call fail 2>"$scratch/error") && { echo "no error: $answer"; exit 1; }
    expect_error 'the cellar is flooded' "$answer"
    expect tool_is_error "$(cat "$scratch/error")"
}

learns_which_argument_is_wrong() {
    local answer
    answer=$(call add '{"a":1,"b":"two"}' 2>"$scratch/error") && { echo "no error"; exit 1; }
    expect_error '"text":".*\bb\b' "$answer"
}

# The Inspector looks a tool up in the list before it calls it.
finds_no_unknown_tool() {
    expect tool_not_found "$(call no-such-tool 2>&1)"
}

calls_many_at_once() {
    local answer
    answer=$(inspect tools/call --tool-name echo --tool-args-json '{"text":"load"}' \
        --load --load-requests 200 --load-concurrency 10)
    expect '"ok":200,"toolErrors":0,"errors":0' "$answer"
}

for name in negotiates_the_revision_it_asked_for lists_tools calls_tools \
    learns_why_a_tool_failed learns_which_argument_is_wrong finds_no_unknown_tool \
    calls_many_at_once; do
    check "$name" "$name"
done
if [ "$1" = sse ]; then
    check falls_back_by_itself falls_back_by_itself
    check learns_that_it_cannot_insist learns_that_it_cannot_insist
fi
exit "$failed"

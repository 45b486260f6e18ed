#!/bin/bash
# Both transports by hand, with nothing but curl.
. "$(dirname "$0")/checks.sh"

# What one call has to say in JSON-RPC: message ID TOOL [ARGUMENTS [PROGRESS_TOKEN]]
message() {
    local meta=
    [ -z "${4:-}" ] || meta=$(printf ',"_meta":{"progressToken":"%s"}' "$4")
    printf '{"jsonrpc":"2.0","id":%s,"method":"tools/call",' "$1"
    printf '"params":{"name":"%s","arguments":%s%s}}' "$2" "${3:-"{}"}" "$meta"
}

request() {
    printf '{"jsonrpc":"2.0","id":%s,"method":"%s"}' "$1" "$2"
}

initialize() {
    printf '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"%s",%s}}' \
        "$1" '"capabilities":{},"clientInfo":{"name":"curl","version":"1"}'
}

cancelled() {
    printf '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}' "$1"
}

initialized='{"jsonrpc":"2.0","method":"notifications/initialized"}'

common=(--silent --show-error --no-buffer --max-time $((20 * slowness)))

# The events that came completely: what a client may believe it has received.
complete() {
    awk '{ event = event $0 "\n" } /^\r?$/ { printf "%s", event; event = "" }' "$1"
}

last_id() {
    complete "$1" | tr -d '\r' | sed -n 's/^id: *//p' | tail -n 1
}

# counted TO TEXT: the progress of `count` came once each, in order.
counted() {
    local lines
    lines=$(grep -Eo '"message":"[0-9]+"' <<<"$2" | grep -Eo '[0-9]+')
    [ "$lines" = "$(seq "$1")" ] || { echo "counted:" $lines; exit 1; }
    expect "done $1\"" "$2"
}

file_has() {
    grep -Eq -e "$1" "$2" 2>/dev/null
}

is_gone() {
    file_has terminated "$1" && [ ! -e "/proc/$(head -n 1 "$1")" ]
}

# ---- Streamable HTTP ----

# post_options JSON: sets `options`. Status line and headers go to $scratch/head.
post_options() {
    options=(
        "${common[@]}" --dump-header "$scratch/head" --header 'Content-Type: application/json'
        --header 'Accept: application/json, text/event-stream' "${session_headers[@]}"
        --data "$1" "$base/mcp"
    )
}

# post JSON [OPTION...]: prints the answer.
post() {
    local options
    post_options "$1"
    shift
    curl "${options[@]}" "$@"
}

# Without a session until `http_connects` found one.
session_headers=()

http_connects() {
    local answer session
    answer=$(post "$(initialize 2025-11-25)")
    expect '"protocolVersion":"2025-11-25"' "$answer"
    session=$(tr -d '\r' <"$scratch/head" | sed -n 's/^[Mm]cp-[Ss]ession-[Ii]d: *//p')
    expect '^[!-~]{16,}$' "$session"
    echo "$session" >"$scratch/session"
}

http_use_session() {
    session_headers=(
        --header "Mcp-Session-Id: $(cat "$scratch/session")"
        --header 'MCP-Protocol-Version: 2025-11-25'
    )
}

http_accepts_initialized() {
    expect '^202$' "$(post "$initialized" --output "$scratch/body" --write-out '%{http_code}')"
    expect '^0$' "$(wc -c <"$scratch/body")"
}

http_negotiates_older_revisions() {
    local revision
    session_headers=()
    for revision in 2025-03-26 2025-06-18; do
        expect "\"protocolVersion\":\"$revision\"" "$(post "$(initialize $revision)")"
    done
}

http_answers() {
    expect '"name":"system-info"' "$(post "$(request 1 tools/list)")"
    expect '"result":\{\}' "$(post "$(request 2 ping)")"
    expect '"text":"hello"' "$(post "$(message 3 echo '{"text":"hello"}')")"
    expect '"structuredContent":\{"sum":5\}' "$(post "$(message 4 add '{"a":2,"b":3}')")"
    expect 'structuredContent' "$(post "$(message 5 system-info)")"
    expect_error 'the cellar is flooded' "$(post "$(message 6 fail)")"
    expect_error '"text":".*\bb\b' "$(post "$(message 7 add '{"a":1,"b":"two"}')")"
    expect '"code":-32602' "$(post "$(message 8 no-such-tool)")"
}

http_keeps_answers_apart() {
    local index
    for index in $(seq 10 19); do
        post "$(message "$index" echo "{\"text\":\"number $index\"}")" \
            --dump-header /dev/null >"$scratch/apart-$index" &
    done
    wait
    for index in $(seq 10 19); do
        expect "\"number $index\"" "$(cat "$scratch/apart-$index")"
        expect "\"id\":$index[,}]" "$(cat "$scratch/apart-$index")"
    done
}

http_misses_nothing_when_cut_in_mid_call() {
    local from rest
    # A function in the background would be a shell, and killing that would leave its curl behind.
    post_options "$(message 20 count '{"to":15}' token)"
    curl "${options[@]}" >"$scratch/cut" &
    until_true 'three lines' file_has '"message":"3"' "$scratch/cut"
    kill $!
    wait
    from=$(last_id "$scratch/cut")
    expect . "$from"
    # Time for lines that nobody hears.
    sleep "$slowness"
    rest=$(curl "${common[@]}" --header 'Accept: text/event-stream' \
        --header "Last-Event-ID: $from" "${session_headers[@]}" "$base/mcp")
    counted 15 "$(complete "$scratch/cut")$rest"
}

http_cancels_and_the_process_is_gone() {
    local marker=$scratch/http-cancelled call
    post_options "$(message 21 slow "{\"marker\":\"$marker\"}" token)"
    curl "${options[@]}" >"$scratch/slow" &
    call=$!
    until_true 'slow starts' test -s "$marker"
    expect '^202$' "$(post "$(cancelled 21)" --output /dev/null --write-out '%{http_code}')"
    until_true 'process is gone' is_gone "$marker"
    wait "$call" || { echo "the answer did not end well: $?"; exit 1; }
}

http_ends() {
    local status
    status=$(curl "${common[@]}" --request DELETE "${session_headers[@]}" --output /dev/null \
        --write-out '%{http_code}' "$base/mcp")
    expect '^(200|204)$' "$status"
    status=$(post "$(request 30 tools/list)" --output /dev/null --write-out '%{http_code}')
    expect '^404$' "$status"
}

# ---- HTTP+SSE ----

# listen FILE [OPTION...]: opens the stream into FILE; its process is $listener.
listen() {
    local file=$1
    shift
    curl --silent --no-buffer --header 'Accept: text/event-stream' "$@" "$base/sse" >"$file" &
    listener=$!
    until_true 'the endpoint' file_has '^data: */.' "$file"
}

endpoint() {
    tr -d '\r' <"$1" | sed -n 's/^data: *//p' | head -n 1
}

# send FILE JSON: posts to the endpoint that the stream in FILE named.
send() {
    local status
    status=$(curl "${common[@]}" --header 'Content-Type: application/json' --data "$2" \
        --output /dev/null --write-out '%{http_code}' "$base$(endpoint "$1")")
    expect '^202$' "$status"
}

# answered FILE ID PATTERN
answered() {
    local file=$1
    until_true "answer $2" file_has "^data: .*\"id\":$2[,}]" "$file"
    expect "$3" "$(grep -E "\"id\":$2[,}]" "$file")"
}

# sse_session FILE: a session that negotiated the oldest revision.
sse_session() {
    listen "$1"
    expect '^event: *endpoint' "$(sed '/^\r\?$/q' "$1")"
    send "$1" "$(initialize 2024-11-05)"
    answered "$1" 0 '"protocolVersion":"2024-11-05"'
    send "$1" "$initialized"
}

# sse_leaves FILE: `run` looks later whether the session ends.
sse_leaves() {
    kill "$listener"
    [ -z "${ENDED:-}" ] || echo "$base$(endpoint "$1")" >>"$ENDED"
}

sse_answers() {
    local stream=$scratch/sse-answers
    sse_session "$stream"
    send "$stream" "$(request 1 tools/list)"
    answered "$stream" 1 '"name":"system-info"'
    send "$stream" "$(request 2 ping)"
    answered "$stream" 2 '"result":\{\}'
    send "$stream" "$(message 3 echo '{"text":"hello"}')"
    answered "$stream" 3 '"text":"hello"'
    send "$stream" "$(message 4 add '{"a":2,"b":3}')"
    # This revision knows no structured content; the text has to do.
    answered "$stream" 4 '"text":"\{\\"sum\\":5\}"'
    send "$stream" "$(message 5 system-info)"
    answered "$stream" 5 '"text":"'
    send "$stream" "$(message 6 fail)"
    answered "$stream" 6 'the cellar is flooded'
    answered "$stream" 6 '"isError":true'
    send "$stream" "$(message 7 add '{"a":1,"b":"two"}')"
    answered "$stream" 7 '"text":".*\bb\b'
    answered "$stream" 7 '"isError":true'
    send "$stream" "$(message 8 no-such-tool)"
    answered "$stream" 8 '"code":-32602'
    sse_leaves "$stream"
}

sse_keeps_answers_apart() {
    local stream=$scratch/sse-apart index
    sse_session "$stream"
    for index in $(seq 10 19); do
        send "$stream" "$(message "$index" echo "{\"text\":\"number $index\"}")" &
    done
    for index in $(seq 10 19); do
        answered "$stream" "$index" "\"number $index\""
    done
    sse_leaves "$stream"
}

sse_misses_nothing_when_cut_in_mid_call() {
    local stream=$scratch/sse-cut rest=$scratch/sse-rest
    sse_session "$stream"
    send "$stream" "$(message 20 count '{"to":15}' token)"
    until_true 'three lines' file_has '"message":"3"' "$stream"
    kill "$listener"
    # Time for lines that nobody hears.
    sleep "$slowness"
    listen "$rest" --header "Last-Event-ID: $(last_id "$stream")"
    [ "$(endpoint "$stream")" = "$(endpoint "$rest")" ] || { echo 'another session'; exit 1; }
    answered "$rest" 20 'done 15"'
    counted 15 "$(complete "$stream")$(complete "$rest")"
    sse_leaves "$rest"
}

sse_cancels_and_the_process_is_gone() {
    local stream=$scratch/sse-slow marker=$scratch/sse-cancelled
    sse_session "$stream"
    send "$stream" "$(message 21 slow "{\"marker\":\"$marker\"}")"
    until_true 'slow starts' test -s "$marker"
    send "$stream" "$(cancelled 21)"
    until_true 'process is gone' is_gone "$marker"
    sse_leaves "$stream"
}

refuses_an_unknown_session() {
    local status options=(--output /dev/null --write-out '%{http_code}')
    status=$(curl "${common[@]}" "${options[@]}" --header 'Content-Type: application/json' \
        --data "$(request 1 ping)" "$base/messages?session_id=nobody")
    expect '^404$' "$status"
}

check http_connects http_connects
[ "$failed" = 0 ] && http_use_session
for name in http_accepts_initialized http_negotiates_older_revisions http_answers \
    http_keeps_answers_apart http_misses_nothing_when_cut_in_mid_call \
    http_cancels_and_the_process_is_gone http_ends sse_answers sse_keeps_answers_apart \
    sse_misses_nothing_when_cut_in_mid_call sse_cancels_and_the_process_is_gone \
    refuses_an_unknown_session; do
    check "$name" "$name"
done
exit "$failed"

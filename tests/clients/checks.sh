# Shared by the shell clients: named checks, waiting, and the environment (see checks.mjs).
# shellcheck shell=bash disable=SC2034

base=${SLIMCP_URL:-http://127.0.0.1:8000}
slowness=${SLOWNESS:-1}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
installed=$here/../../target/clients
scratch=$(mktemp -d "${TMPDIR:-/tmp}/slimcp-clients-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
failed=0

# check NAME COMMAND...: the command runs in a subshell, so that `expect` can leave it. What it left
# running in the background would keep `$(...)` waiting, so the subshell ends its own children
# (`jobs -p` would name those of the script as well).
check() {
    local name=$1 why
    shift
    if why=$(trap 'pkill -P "$BASHPID"' EXIT; "$@" 2>&1); then
        echo "ok $name"
    else
        echo "not ok $name: $(tail -c 400 <<<"$why" | tr '\n' ' ')"
        failed=1
    fi
}

# expect PATTERN TEXT: leaves the check unless the text matches the extended expression.
expect() {
    grep -Eq -e "$1" <<<"$2" || { echo "expected $1, got: $2"; exit 1; }
}

# expect_error PATTERN ANSWER: a tool ran and failed, and said so.
expect_error() {
    expect '"isError":true' "$2"
    expect "$1" "$2"
}

# until_true WHAT COMMAND...: leaves the check when ten seconds were not enough.
until_true() {
    local what=$1 tries=$((200 * slowness))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "waited too long: $what"; exit 1; }
        sleep 0.05
    done
}

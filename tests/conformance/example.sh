# Shared by the suites that run against examples/conformance: builds and starts it.
# shellcheck shell=bash

example_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

build_example() {
    cargo build --quiet --locked --manifest-path "$example_root/Cargo.toml" --example conformance
}

# start_example LOG: starts the example on a port of the kernel's choice, which it prints on a line
# of its own. Sets `example`, its process id, and `example_url`, without a path. Leaves the shell if
# the example does not listen.
start_example() {
    local log=$1 tries=200 address='^https?://[^ ]+$'
    PORT=0 "$example_root/target/debug/examples/conformance" >"$log" 2>&1 &
    example=$!
    until grep -Eq "$address" "$log"; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ] || ! kill -0 "$example" 2>/dev/null; then
            cat "$log"
            echo "the example does not say where it listens" >&2
            kill -TERM "$example" 2>/dev/null
            exit 1
        fi
        sleep 0.05
    done
    example_url=$(grep -Eom 1 "$address" "$log")
    example_url=${example_url%/}
    example_url=${example_url%/mcp}
}

#!/bin/sh
# An MCP server of revisions with a handshake. Its one tool runs, in this very shell, the script that
# it is given: one without quotes and backslashes. It answers with what the script leaves in $said.
while read -r line; do
    id=${line#*\"id\":}
    id=${id%%[,\}]*}
    case $line in
    *'"method":"initialize"'*)
        result='{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"shell","version":"1"}}'
        ;;
    *'"method":"tools/list"'*)
        result='{"tools":[{"name":"run","description":"Runs a script.","inputSchema":{"type":"object"}}]}'
        ;;
    *'"method":"tools/call"'*)
        script=${line#*\"script\":\"}
        said=
        eval "${script%%\"*}"
        result='{"content":[{"type":"text","text":"'$said'"}]}'
        ;;
    *'"id":'*)
        printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"unknown"}}\n' "$id"
        continue
        ;;
    *) continue ;;
    esac
    printf '{"jsonrpc":"2.0","id":%s,"result":%s}%b' "$id" "$result" "${end-\\n}"
done

"""A stdio server that tells apart who asks what, written without an SDK: who.py

It speaks the handshake's revisions only, so that all clients share one child. `who {name, tag}`
answers after a while, tells its progress meanwhile, and says name and tag each time. It is asked by
many at once, and answers in another order than it was asked.
"""

import json
import random
import sys
import threading
import time

write_lock = threading.Lock()
cancelled: set = set()

WHO = {
    "name": "who",
    "description": "Say who asked.",
    "inputSchema": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tag": {"type": "string"}},
        "required": ["name", "tag"],
    },
}


def say(message: dict) -> None:
    with write_lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def answer(request_id, given: dict, token) -> None:
    who = f"{given['name']} {given['tag']}"
    for step in range(1, 4):
        time.sleep(random.uniform(0.005, 0.03))
        if request_id in cancelled:
            return
        if token is not None:
            progress = {"progressToken": token, "progress": step, "total": 3, "message": who}
            say({"method": "notifications/progress", "params": progress})
    # Apart from the result: SDKs drop progress that arrives in one read with it.
    time.sleep(0.1)
    if request_id not in cancelled:
        say({"id": request_id, "result": {"content": [{"type": "text", "text": who}]}})


def introduce(params: dict) -> dict:
    return {
        "protocolVersion": params["protocolVersion"],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "who", "version": "1.0.0"},
    }


def handle(message: dict) -> None:
    method, request_id = message.get("method"), message.get("id")
    params = message.get("params") or {}
    if method == "notifications/cancelled":
        cancelled.add(params["requestId"])
    elif method == "tools/call":
        token = (params.get("_meta") or {}).get("progressToken")
        given = (request_id, params["arguments"], token)
        threading.Thread(target=answer, args=given, daemon=True).start()
    elif method == "initialize":
        say({"id": request_id, "result": introduce(params)})
    elif method == "tools/list":
        say({"id": request_id, "result": {"tools": [WHO]}})
    elif method == "ping":
        say({"id": request_id, "result": {}})
    elif request_id is not None:
        say({"id": request_id, "error": {"code": -32601, "message": "method not found"}})


for line in sys.stdin:
    handle(json.loads(line))

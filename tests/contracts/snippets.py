"""The code that the seeds give to their users, run as it stands: Node, Python, curl.

Only the address and the token are replaced. Browser snippets are in browser.mjs.
"""

import json
import os
import shutil
import subprocess

from daemon import (
    HERE, INSTALLED, Daemon, Process, check, expect, finish, post, token,
)

TOOL = """
[[tool]]
name = "list_projects"
description = "Projects."
command = ["echo", "garage"]
read_only = true
"""
SEED_2 = token("your-token", "team") + token("master-token", "master") + TOOL
SEED_4 = "timeouts.heartbeat = '1s'\n[compat]\nsse_plain = true\n"


def source(name, daemon, replaced=()):
    """A snippet for this daemon, with further words replaced."""
    text = (HERE / "seeds" / name).read_text()
    for old, new in {"http://localhost:3000": daemon.base, **dict(replaced)}.items():
        expect(old in text, f"{name} has no {old}")
        text = text.replace(old, new)
    return text


def node(name, daemon):
    """Runs a snippet of a seed where its imports are found."""
    folder = INSTALLED / name[:6]
    file = folder / name
    file.write_text(source(name, daemon))
    return Process(["node", str(file)], cwd=folder)


def shell(name, daemon, replaced=()):
    """Runs a snippet for a terminal, in a process group of its own."""
    script = source(name, daemon, replaced)
    quiet = subprocess.DEVNULL  # where curl draws how far it is
    return Process(["bash", "-c", script], stderr=quiet, start_new_session=True)


def end(process):
    """Ends a shell with its curl."""
    os.killpg(process.process.pid, 15)
    process.end()


def data(process, event):
    """The data of the next event of this name in the output of curl."""
    process.line(f"event: {event}")
    return json.loads(process.line("data: ").removeprefix("data: "))


def broadcast(daemon, message, fields=()):
    status, answer = post(daemon.port, "/mcp/sse/broadcast", {"message": message}, fields)
    expect((status, answer and answer.get("queued")) == (200, 1), status, answer)


needed = [shutil.which("node"), shutil.which("curl"), INSTALLED.exists()]
expect(all(needed), "tests/contracts/install has to have run, node and curl have to be there")


@check("s2_05_node_snippet")
def _():
    # The snippet listens to responses only: another stream tells which connections there are.
    with Daemon(SEED_2) as daemon, node("seed_2_node.mjs", daemon) as client:
        daemon.line("SSE Connection Added")
        master = {"Authorization": "Bearer master-token"}
        result = {"type": "mcp-response", "method": "tools/list", "result": {"tools": ["seen"]}}
        broadcast(daemon, result, master)
        expect("seen" in client.line("Tools:"))


@check("s2_05_curl_snippets")
def _():
    with Daemon(SEED_2) as daemon:
        stream = shell("seed_2_stream.sh", daemon)
        try:
            connection = data(stream, "mcp-notification")["result"]["connectionId"]
            sent = shell("seed_2_send.sh", daemon, {"connection-id-from-sse": connection}).rest()
            answer = json.loads("".join(sent))
            expect(answer == {"ok": True, "connectionId": connection}, answer)
            response = data(stream, "mcp-response")
            names = [tool["name"] for tool in response["result"]["tools"]]
            expect("list_projects" in names, names)
        finally:
            end(stream)


@check("s2_11_curl_snippet")
def _():
    with Daemon(SEED_2) as daemon:
        stats = json.loads("".join(shell("seed_2_stats.sh", daemon).rest()))
        expect(stats["totalConnections"] == 0, stats)
        expect(set(stats) >= {"connectionsByType", "oldestConnection", "newestConnection"}, stats)


@check("s2_14_curl_snippets")
def _():
    with Daemon(SEED_2) as daemon:
        printed = "".join(shell("seed_2_debug.sh", daemon, {"your-token": "master-token"}).rest())
        expect('"status":"ok"' in printed and '"totalConnections"' in printed, printed)


@check("s4_01_node_snippet")
def _():
    with Daemon(SEED_4) as daemon, node("seed_4_node.mjs", daemon) as client:
        client.line("type: 'connection'")
        broadcast(daemon, {"jsonrpc": "2.0", "id": 1, "result": {"content": []}})
        client.line("jsonrpc: '2.0'")


@check("s4_02_curl_snippet")
def _():
    with Daemon(SEED_4) as daemon:
        stream = shell("seed_4_stream.sh", daemon)
        try:
            first = stream.line("data: ")
            connected = 'data: {"type":"connection","status":"connected","timestamp":"'
            expect(first.startswith(connected), first)
            heartbeat = stream.line("data: ")
            expect(heartbeat.startswith('data: {"type":"heartbeat","timestamp":"'), heartbeat)
            expect(not [line for line in stream.lines if line.startswith("event:")], stream.lines)
        finally:
            end(stream)


@check("s4_03_python_snippet")
def _():
    with Daemon(SEED_4) as daemon:
        script = source("seed_4_requests.py", daemon)
        python = [INSTALLED / "python/bin/python", "-u", "-c", script]
        with Process(python) as client:
            client.line("Received: {'type': 'connection', 'status': 'connected'")
            client.line("Received: {'type': 'heartbeat'")


finish()

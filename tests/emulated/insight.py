#!/usr/bin/env python3
"""Waits until one slimcp knows the thousand files of its machine, and asks; standard library only.

The daemon, or the emulator with it, is started as by sessions.py, whose memory is read from the
serial console in the same way. The first thing that is wrong ends the run with exit code 1.
"""

import argparse
import http.client
import json
import time

from sessions import HEADERS, Console, check, run

FILES = 1001
# Tool, arguments, and the end of the path that the first hit has.
QUESTIONS = [
    ("vector-search", {"query": "timer wheel", "limit": 5}, "src/bounded/wheel.rs"),
    ("vector-search", {"query": "function that parses a request head"}, "src/wire/head.rs"),
    ("knowledge-search", {"query": "who may come in, tokens and roles"}, "README.md"),
    ("adr-list", {}, "docs/adr/0007-keep-the-index-on-disk.md"),
    ("adr-list", {"status": "accepted", "query": "disk"}, "0007-keep-the-index-on-disk.md"),
]


def call(options, tool, given):
    """Calls a tool by plain HTTP; its structured result and the seconds that it took."""
    connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=60)
    content = {"Content-Type": "application/json", "Connection": "close"}
    started = time.monotonic()
    connection.request("POST", f"/mcp/tools/{tool}", json.dumps(given), HEADERS | content)
    answer = connection.getresponse()
    text = answer.read().decode()
    seconds = time.monotonic() - started
    connection.close()
    check(answer.status == 200, f"{tool}: {answer.status} {text}")
    result = json.loads(text)
    check(not result.get("isError"), f"{tool}: {text}")
    return result["structuredContent"], seconds


def index(options):
    """Waits for the index; the seconds that took."""
    started = time.monotonic()
    while True:
        task, _ = call(options, "task-status", {"id": "insight-index"})
        check(not task.get("trouble"), f"trouble: {task}")
        if task["status"] == "completed":
            return task, time.monotonic() - started
        time.sleep(0.5)


def ask(options):
    """The test of a daemon that listens; raises Wrong, or an OSError where it does not answer."""
    console = Console(options.console)
    task, seconds = index(options)
    print(f"indexed in {seconds:.0f} s: {json.dumps(task)}", flush=True)
    print(f"memory while indexing, at most: {max(console.lines())} KiB", flush=True)
    for tool, given, expected in QUESTIONS:
        result, seconds = call(options, tool, given)
        found = result.get("hits") or result.get("decisions") or []
        paths = [hit["path"] for hit in found]
        print(f"{tool} {json.dumps(given)}: {seconds * 1000:.0f} ms, {paths[:1]}", flush=True)
        check(any(path.endswith(expected) for path in paths), f"{tool} {given}: {paths}")
    print(f"memory at rest: {console.settled()} KiB", flush=True)
    most = max(console.lines())
    print(f"memory at most: {most} KiB", flush=True)
    check(most <= options.memory_kib_max, f"memory {most} KiB is over {options.memory_kib_max}")


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="+", help="starts the daemon; {port} in it is replaced")
    parser.add_argument("--start", type=int, default=60, help="seconds until it must listen")
    parser.add_argument("--limit", type=int, default=400, help="seconds for everything")
    parser.add_argument("--console", required=True, help="file with the console of its machine")
    parser.add_argument("--memory-kib-max", type=int, default=20480, help="the ceiling and 16 MiB")
    return parser.parse_args()


if __name__ == "__main__":
    run("insight", ask, arguments())

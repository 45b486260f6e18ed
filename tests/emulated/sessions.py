#!/usr/bin/env python3
"""Holds many HTTP+SSE sessions of one slimcp and checks each of them; standard library only.

Starts the daemon, or the emulator with it, on a free port. Opens the sessions one after the other,
initializes some and calls the tool `say` on those, waits for a heartbeat on every stream, then
pings on every stream. With --console it reads the memory of the daemon from the serial console of
the machine that it runs on (lines `rss_kib=NUMBER`). At last the daemon must stop in order.
Everything has a deadline; the first thing that is wrong ends the run with exit code 1.
"""

import argparse
import http.client
import json
import signal
import socket
import subprocess
import sys
import time

# The name that the configuration accepts, so that the test does not depend on the forwarded port.
HEADERS = {"Host": "small-machine"}
# An emulated processor is about thirty times slower than the machine that emulates it.
ANSWER_SECONDS = 20
# Longer than the drain of 10 s.
STOP_SECONDS = 20


class Wrong(Exception):
    """Something that the daemon should not have done."""


def check(holds, message):
    """Raises Wrong with the message unless the condition holds; unlike assert never left out."""
    if not holds:
        raise Wrong(message)


class Session:
    """One HTTP+SSE session of protocol revision 2024-11-05."""

    def __init__(self, port):
        self.port = port
        self.heartbeats = 0
        self.requests = 0
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        accept = {"Accept": "text/event-stream"}
        self.connection.request("GET", "/sse", headers=HEADERS | accept)
        self.stream = self.connection.getresponse()
        check(self.stream.status == 200, f"GET /sse: {self.stream.status} {self.stream.reason}")
        name, self.endpoint = self.event()
        check(name == "endpoint", f"the first event is {name!r}, not endpoint")
        check(self.endpoint.startswith("/"), f"endpoint {self.endpoint!r} is no relative path")

    def line(self):
        """The next line of the stream, its end stripped; counts comments as heartbeats."""
        line = self.stream.readline(65536)
        check(line.endswith(b"\n"), "the stream was closed")
        self.heartbeats += line.startswith(b":")
        return line.rstrip(b"\r\n").decode()

    def event(self):
        """The next event as its name and data; comments and other fields are passed over."""
        name, data = "message", []
        while True:
            line = self.line()
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif not line and data:
                return name, "\n".join(data)

    def post(self, message):
        """Sends one message on a connection of its own, as this transport wants it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        content = {"Content-Type": "application/json", "Connection": "close"}
        body = json.dumps({"jsonrpc": "2.0"} | message)
        connection.request("POST", self.endpoint, body, HEADERS | content)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        check(answer.status == 202, f"POST {self.endpoint}: {answer.status} {text!r}")

    def request(self, method, params=None):
        """Sends a request and returns its result; any other message on the stream is wrong."""
        self.requests += 1
        message = {"id": self.requests, "method": method}
        self.post(message if params is None else message | {"params": params})
        name, data = self.event()
        answer = json.loads(data)
        check(name == "message", f"{method}: answered by an event {name!r}")
        check(answer.get("id") == self.requests, f"{method}: the answer to another: {data}")
        check("result" in answer, f"{method}: {data}")
        return answer["result"]

    def initialize(self):
        """The handshake, and a look whether the tool is there."""
        client = {"name": "emulated-test", "version": "1"}
        params = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client}
        revision = self.request("initialize", params)["protocolVersion"]
        check(revision == "2024-11-05", f"initialize: revision {revision}")
        self.post({"method": "notifications/initialized"})
        names = [tool["name"] for tool in self.request("tools/list")["tools"]]
        check("say" in names, f"tools/list without say: {names}")

    def say(self, text):
        """Calls the command tool and checks that its output is what it was told to say."""
        result = self.request("tools/call", {"name": "say", "arguments": {"text": text}})
        said = result["content"][0]["text"].strip()
        check(not result.get("isError"), f"say {text!r}: {result}")
        check(said == text, f"say {text!r} said {said!r}")

    def close(self):
        """Leaves without a word, as clients of this transport do."""
        self.stream.close()
        self.connection.close()


class Console:
    """The serial console of the machine, read for the memory of the daemon."""

    def __init__(self, path):
        self.path = path

    def lines(self):
        """The values reported so far, in KiB; an unfinished last line does not count."""
        with open(self.path, encoding="utf-8", errors="replace") as console:
            complete = [line for line in console if line.endswith("\n")]
        marks = [line.strip() for line in complete if line.startswith("rss_kib=")]
        return [int(mark.removeprefix("rss_kib=")) for mark in marks]

    def settled(self):
        """A value measured after this call: the second that comes, the first may be older."""
        start = len(self.lines())
        deadline = time.monotonic() + ANSWER_SECONDS
        while len(self.lines()) < start + 2:
            check(time.monotonic() < deadline, "the machine reports no memory any more")
            time.sleep(0.2)
        return self.lines()[-1]


class Memory:
    """The memory of the daemon at the steps of the test, printed and held against its ceilings."""

    def __init__(self, options):
        self.console = options.console and Console(options.console)
        self.idle_max = options.idle_kib_max
        self.ever_max = options.memory_kib_max

    def report(self, step):
        """Prints the memory after `step`; without a console there is nothing to print."""
        if not self.console:
            return None
        kib = self.console.settled()
        print(f"memory {step}: {kib} KiB", flush=True)
        return kib

    def verify(self, idle):
        """Compares with the ceilings, once at the end so that all the numbers are printed."""
        if not self.console:
            return
        check(idle <= self.idle_max, f"idle memory {idle} KiB is over {self.idle_max} KiB")
        most = max(self.console.lines())
        print(f"memory at most: {most} KiB", flush=True)
        check(most <= self.ever_max, f"memory {most} KiB is over {self.ever_max} KiB")


def port_free():
    """A loopback port that nothing listens on, as the system chooses it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_healthy(options, process):
    """Waits for the daemon to listen, for as long as its process or machine lives."""
    deadline = time.monotonic() + options.start
    while True:
        check(time.monotonic() < deadline, f"no GET /health within {options.start} s")
        check(process.poll() is None, f"it ended at its start with code {process.returncode}")
        connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=5)
        try:
            connection.request("GET", "/health", headers=HEADERS)
            status = connection.getresponse().status
            check(status == 200, f"GET /health: {status}")
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.2)  # Not there yet, or the forwarded port leads nowhere yet.
        finally:
            connection.close()


def stop(process):
    """Orders the daemon, or the emulated machine, to stop: it ends in time and with code 0."""
    process.terminate()
    code = process.wait(timeout=STOP_SECONDS)
    check(code == 0, f"after TERM it ended with code {code}")


def hold(options):
    """The test of a daemon that listens; raises Wrong, or an OSError where it does not answer."""
    memory = Memory(options)
    idle = memory.report("idle")

    started = time.monotonic()
    sessions = [Session(options.port) for _ in range(options.sessions)]
    print(f"{len(sessions)} sessions in {time.monotonic() - started:.1f} s", flush=True)
    memory.report(f"with {len(sessions)} sessions")

    speaking = sessions[:: max(1, len(sessions) // options.speaking)]
    for session in speaking:
        session.initialize()
    for number, session in enumerate(speaking):
        session.say(f"number {number} of {len(speaking)}")
    print(f"{len(speaking)} initialized, called the tool and got its output", flush=True)

    for session in sessions:
        while not session.heartbeats:
            session.line()
    print(f"{len(sessions)} got a heartbeat", flush=True)
    memory.report("after calls and heartbeats")

    for session in sessions:
        session.request("ping")
    print(f"{len(sessions)} answered a ping", flush=True)

    for session in sessions:
        session.close()
    # A machine that has just lost all its peers must still serve the next one.
    last = Session(options.port)
    last.initialize()
    last.say("still here")
    last.close()
    memory.report("after all have left")
    memory.verify(idle)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="+", help="starts the daemon; {port} in it is replaced")
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--speaking", type=int, default=10, help="sessions that call the tool")
    parser.add_argument("--start", type=int, default=60, help="seconds until it must listen")
    parser.add_argument("--limit", type=int, default=240, help="seconds for everything")
    parser.add_argument("--console", help="file with the serial console of its machine")
    parser.add_argument("--idle-kib-max", type=int, default=1000, help="ceiling for idle memory")
    parser.add_argument("--memory-kib-max", type=int, default=4096, help="the limits.memory it has")
    return parser.parse_args()


def interrupt(number, _frame):
    """The handler of the alarm and of TERM: ends the test so that it still cleans up."""
    raise Wrong("out of time" if number == signal.SIGALRM else "stopped")


def run(name, test, options):
    """Starts the daemon, tests it, stops it, all within the time limit."""
    signal.signal(signal.SIGALRM, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    signal.alarm(options.limit)
    options.port = port_free()
    command = [word.replace("{port}", str(options.port)) for word in options.command]
    with subprocess.Popen(command) as process:
        try:
            wait_until_healthy(options, process)
            test(options)
            stop(process)
        except (Wrong, OSError, http.client.HTTPException, subprocess.TimeoutExpired) as error:
            sys.exit(f"{name}: {error or type(error).__name__}")
        finally:
            process.kill()  # Nothing happens where it has ended.


if __name__ == "__main__":
    run("sessions", hold, arguments())

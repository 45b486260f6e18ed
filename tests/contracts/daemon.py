"""Shared by the Python scripts of this folder: named checks, the daemon, and processes whose
output is awaited line by line. Nothing sleeps: what is waited for has a deadline of `PATIENCE`.

Environment: SLIMCP, the program to start; default target/release/slimcp.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INSTALLED = ROOT / "target/contracts"
PATIENCE = 20
ACCEPT = {"Accept": "application/json, text/event-stream"}

failed = []


def check(name):
    """Runs the decorated function at once and prints how it went."""

    def run(function):
        try:
            function()
            print(f"ok {name}", flush=True)
        except Exception as error:
            reason = str(error) or traceback.format_exc()
            print(f"not ok {name}: {reason!r}", flush=True)
            failed.append(name)

    return run


def finish():
    """Ends the script with a status that says whether all went well."""
    sys.exit(1 if failed else 0)


def expect(condition, *seen):
    """As `assert`, which optimized Python leaves out."""
    if not condition:
        raise AssertionError(" ".join(str(part) for part in seen) or "not as expected")


def free_port():
    """A port that is free right now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def until(what, look):
    """Looks again and again until there is something to see."""
    deadline = time.monotonic() + PATIENCE
    while not (seen := look()):
        expect(time.monotonic() < deadline, f"waited in vain: {what}")
        time.sleep(0.005)
    return seen


class Process:
    """A process whose lines are awaited. Its end belongs to us."""

    def __init__(self, command, **options):
        options.setdefault("stderr", subprocess.STDOUT)
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options
        )
        self.lines = []
        self.fresh = queue.Queue()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        for line in self.process.stdout:
            self.fresh.put(line.rstrip("\n"))
        self.fresh.put(None)

    def line(self, part):
        """The next line with `part` in it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            left = deadline - time.monotonic()
            try:
                line = self.fresh.get(timeout=max(left, 0))
            except queue.Empty:
                line = None
            expect(line is not None, f"no line with {part!r} in {self.lines}")
            self.lines.append(line)
            if part in line:
                return line

    def rest(self):
        """All lines up to its own end."""
        while (line := self.fresh.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
        self.process.wait(timeout=PATIENCE)
        return self.lines

    def end(self, how=signal.SIGTERM):
        """Ends it, unless it has ended itself."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.end()


def token(secret, role):
    """The lines of the configuration that know a token."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return f"[[token]]\nname = '{secret}'\nrole = '{role}'\nsha256 = '{digest}'\n"


class Daemon(Process):
    """The daemon with a configuration of its own, on a free port."""

    def __init__(self, config):
        self.folder = tempfile.TemporaryDirectory(prefix="slimcp-contracts-")
        file = pathlib.Path(self.folder.name) / "slimcp.toml"
        file.write_text(config)
        program = os.environ.get("SLIMCP", str(ROOT / "target/release/slimcp"))
        command = [program, "-c", str(file), "--listen", "127.0.0.1:0"]
        super().__init__(command, env={"PATH": os.environ["PATH"]})
        self.port = int(self.line("listening on ").split("http://")[1].split("/")[0].split(":")[1])
        self.base = f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def __exit__(self, *ended):
        super().__exit__(*ended)
        self.folder.cleanup()


def post(port, path, body, fields=()):
    """Posts JSON: status and answer, which is `None` if it is empty."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    fields = ACCEPT | {"Content-Type": "application/json"} | dict(fields)
    connection.request("POST", path, json.dumps(body), fields)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if text else None


class Stream:
    """An event stream that is read as its bytes come."""

    def __init__(self, port, path, method="GET", body=None, fields=()):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        fields = ACCEPT | {"Content-Type": "application/json"} | dict(fields)
        self.connection.request(method, path, body and json.dumps(body), fields)
        self.response = self.connection.getresponse()
        expect(self.response.status == 200, path, self.response.status)
        kind = self.response.getheader("Content-Type")
        expect(kind.startswith("text/event-stream"), path, kind)

    def block(self):
        """The next block: `None` for a comment, else its name and data."""
        name, data, is_comment = None, "", True
        while line := self.response.readline().decode().rstrip("\r\n"):
            field, _, value = line.partition(":")
            is_comment = is_comment and not field
            if field == "event":
                name = value.strip()
            if field == "data":
                data += value.removeprefix(" ")
        expect(data or is_comment, "the stream has ended")
        return None if is_comment else (name, data)

    def event(self, name):
        """The data of the next event, which has to have this name. Heartbeats may come before."""
        deadline = time.monotonic() + PATIENCE
        while True:
            expect(time.monotonic() < deadline, f"nothing but heartbeats instead of {name}")
            block = self.block()
            if block and block[0] != "heartbeat" and '"type":"heartbeat"' not in block[1]:
                expect(block[0] == name, f"not {name}:", block)
                return block[1]

    def json(self, name):
        return json.loads(self.event(name))

    def close(self):
        self.response.close()
        self.connection.close()

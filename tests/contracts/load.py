"""The load of seed 1: 100 concurrent SSE sessions and 1000 requests a minute, without an error.

    load.py [--minutes 5]

Prints what the document asks to measure. Latency is from the first byte of a POST to the event
that answers it. A number that is small on one machine is large on another, so none is compared.
"""

import argparse
import asyncio
import json
import os
import re
import time

from daemon import PATIENCE, Daemon, check, expect, finish

SESSIONS = 100
REQUESTS_A_MINUTE = 1000

parser = argparse.ArgumentParser()
parser.add_argument("--minutes", type=float, default=1)
minutes = parser.parse_args().minutes


def memory_kib(daemon):
    """Bytes of the process that are its own, in KiB."""
    with open(f"/proc/{daemon.pid}/smaps_rollup") as rollup:
        found = re.findall(r"^Private_\w+: +(\d+) kB", rollup.read(), re.MULTILINE)
    return sum(map(int, found))


def processor_seconds(daemon):
    with open(f"/proc/{daemon.pid}/stat") as stat:
        fields = stat.read().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentiles(seconds):
    ordered = sorted(seconds)
    at = lambda share: ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000
    return f"p50 {at(0.5):.2f} ms, p95 {at(0.95):.2f} ms, p99 {at(0.99):.2f} ms"


class Session:
    """One client: its stream, and a connection that it posts on."""

    def __init__(self):
        self.waiting = {}
        self.connected = None
        self.latencies = []

    async def connect(self, port):
        begin = time.perf_counter()
        self.stream, self.writer = await asyncio.open_connection("127.0.0.1", port)
        accept = b"Accept: text/event-stream\r\n\r\n"
        self.writer.write(b"GET /sse HTTP/1.1\r\nHost: localhost\r\n" + accept)
        head = await self.stream.readuntil(b"\r\n\r\n")
        expect(head.startswith(b"HTTP/1.1 200 "), head)
        self.endpoint = (await self.data()).decode()
        self.connected = time.perf_counter() - begin
        self.answers, self.poster = await asyncio.open_connection("127.0.0.1", port)
        self.reader = asyncio.create_task(self.read())

    async def data(self):
        """The data of the next event. Chunk sizes and comments are lines that say nothing here."""
        while not (line := await self.stream.readline()).startswith(b"data: "):
            expect(line, "the stream has ended")
        return line.removeprefix(b"data: ").strip()

    async def read(self):
        while True:
            message = json.loads(await self.data())
            self.latencies.append(time.perf_counter() - self.waiting[message["id"]][0])
            self.waiting.pop(message["id"])[1].set_result(message)

    async def ask(self, id):
        params = {"name": "echo", "arguments": {"text": f"request {id}"}}
        body = {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}
        text = json.dumps(body).encode()
        head = f"POST {self.endpoint} HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        answer = asyncio.get_running_loop().create_future()
        self.waiting[id] = (time.perf_counter(), answer)
        self.poster.write(head.encode() + text)
        acknowledged = await self.answers.readuntil(b"\r\n\r\n")
        expect(acknowledged.startswith(b"HTTP/1.1 202 "), acknowledged)
        # Whatever broke the reader is what should be told.
        done, _ = await asyncio.wait(
            [answer, self.reader], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED
        )
        expect(done, f"no answer to request {id}")
        if self.reader in done:
            self.reader.result()
        result = answer.result()["result"]
        expect(result["content"][0]["text"] == f"request {id}", result)


async def load(daemon):
    sessions = [Session() for _ in range(SESSIONS)]
    # The first one has to touch what all of them share.
    await sessions[0].connect(daemon.port)
    before = memory_kib(daemon)
    await asyncio.gather(*(session.connect(daemon.port) for session in sessions[1:]))
    connections = memory_kib(daemon) - before
    begin, used = time.perf_counter(), processor_seconds(daemon)
    count = int(REQUESTS_A_MINUTE * minutes)
    asked = []
    for id in range(count):
        # Evenly, in turn: a client has its next request long after its last one.
        await asyncio.sleep(begin + id * 60 / REQUESTS_A_MINUTE - time.perf_counter())
        asked.append(asyncio.create_task(sessions[id % SESSIONS].ask(id)))
    await asyncio.gather(*asked)
    took, used = time.perf_counter() - begin, processor_seconds(daemon) - used
    latencies = [latency for session in sessions for latency in session.latencies]
    expect(len(latencies) == count, len(latencies))
    print(f"connection time: {percentiles([session.connected for session in sessions])}")
    print(f"latency: {percentiles(latencies)}")
    rate, each = count / took * 60, connections * 1024 / (SESSIONS - 1)
    print(f"throughput: {rate:.0f} requests a minute, {count} in {took:.0f} s, no error")
    print(f"memory: {each:.0f} bytes a session, {memory_kib(daemon)} KiB in all")
    print(f"processor: {used / took * 100:.2f} %, {used / count * 1e6:.0f} us a request")
    for session in sessions:
        session.reader.cancel()
        session.writer.close()
        session.poster.close()


@check("s1_17_load_without_an_error")
def _():
    with Daemon("") as daemon:
        asyncio.run(load(daemon))


finish()

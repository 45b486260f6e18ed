"""A loopback TCP proxy that cuts its connections when told to, as a bad network would.

    cutter.py PORT        forwards to 127.0.0.1:PORT

Prints its own port, then reads commands from stdin: each `cut` line cuts every connection and
prints how many there were. It ends with its stdin, so a client that dies leaves none behind.
New connections are accepted at once; how long a client stays away is the client's own choice.
"""

import asyncio
import sys


class Cutter:
    """The proxy: `port` is where it listens."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        # The two ends of every open connection, by the task that forwards between them.
        self._ends: dict[asyncio.Task | None, list[asyncio.StreamWriter]] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """Drops every connection on both sides, whatever is still in its buffers."""
        for writer in sum(self._ends.values(), []):
            writer.transport.abort()
        return len(self._ends)

    def stop(self) -> None:
        assert self._server
        self._server.close()
        self.cut()

    async def _forward(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        self._ends[task] = [to_client]
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target_port)
            self._ends[task].append(to_server)
            await asyncio.gather(_copy(from_client, to_server), _copy(from_server, to_client))
        except (OSError, asyncio.CancelledError):
            # Cancelled only at the end of the proxy, where asyncio would print a traceback of it.
            to_client.transport.abort()
        finally:
            del self._ends[task]


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copies until the source ends, then closes the target: HTTP has no half-open connections."""
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except OSError:
        pass
    target.close()


async def main() -> None:
    cutter = Cutter(int(sys.argv[1]))
    await cutter.start()
    print(cutter.port, flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    while line := await commands.readline():
        assert line.strip() == b"cut", line
        print(cutter.cut(), flush=True)
    cutter.stop()


if __name__ == "__main__":
    asyncio.run(main())

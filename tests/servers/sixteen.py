"""Sixteen clients of three revisions on one shared child, both SDKs at once: sixteen.py

All count their requests and progress tokens from the same number, and all cancel some of their
calls. Nobody may hear of another's. Nine clients run here, seven in sixteen.mjs.
"""

import logging
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "clients"))

import anyio  # noqa: E402
from harness import BASE, KINDS, connected, passes, text  # noqa: E402

ROUNDS = 10
AT_ONCE = 4
EACH = 3


class Client:
    """One of them."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind = KINDS[kind]
        self.name = f"python-{kind}-{number}"
        self.answered = 0
        self.told = 0

    async def ask(self, connection, tag: str, is_cancelled: bool) -> None:
        expected = f"{self.name} {tag}"
        heard: list[str | None] = []

        with anyio.CancelScope() as scope:

            async def note(progress: float, _total: float | None, message: str | None) -> None:
                heard.append(message)
                if is_cancelled:
                    scope.cancel()

            given = {"name": self.name, "tag": tag}
            result = await connection.client.call_tool("who", given, progress_callback=note)
            heard.append(text(result))
            self.answered += 1
        assert set(heard) <= {expected}, f"{expected} heard {heard}"
        self.told += len(heard)

    async def run(self, gate: anyio.Event, ready) -> None:
        async with connected(self.kind, f"{BASE}/servers/who") as connection:
            ready()
            await gate.wait()
            for number in range(ROUNDS):
                async with anyio.create_task_group() as group:
                    for index in range(AT_ONCE):
                        tag = f"{number}-{index}"
                        group.start_soon(self.ask, connection, tag, index == 1)
        assert self.answered >= ROUNDS * (AT_ONCE - 1), self.answered
        # SDKs drop progress that arrives in one read with the result.
        assert self.told > self.answered, self.told


async def hear_only_their_own(gate: anyio.Event, others) -> None:
    clients = [Client(kind, number) for kind in ("sse", "http", "modern") for number in range(EACH)]
    waiting = len(clients)

    def ready() -> None:
        nonlocal waiting
        waiting -= 1
        if waiting == 0:
            gate.set()

    async def run_others() -> None:
        await gate.wait()
        await others.stdin.send(b"go\n")
        async for chunk in others.stdout:
            sys.stdout.write(chunk.decode())

    async with anyio.create_task_group() as group:
        for client in clients:
            group.start_soon(
                passes,
                f"{client.name}.hears_only_its_own",
                lambda client=client: client.run(gate, ready),
                120,
            )
        group.start_soon(run_others)


async def main() -> bool:
    command = ["node", str(HERE / "sixteen.mjs")]
    async with await anyio.open_process(command, stderr=sys.stderr) as others:
        await hear_only_their_own(anyio.Event(), others)
    return others.returncode == 0


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.exit(0 if anyio.run(main) else 1)

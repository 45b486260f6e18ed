"""What the Python clients share: connections whose answers are watched, waiting, and named checks.

Environment as in harness.mjs: SLIMCP_URL, SLOWNESS, ENDED, DAEMON, DROP_INS.
"""

import logging
import os
import signal
import sys
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx2
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import ResourceUpdatedNotification, ToolListChangedNotification

BASE = os.environ.get("SLIMCP_URL", "http://127.0.0.1:8000")
SLOWNESS = float(os.environ.get("SLOWNESS", "1"))
LEGACY = "2025-11-25"
MODERN = "2026-07-28"


class Wire:
    """What went over the wire: every response the SDK got, in order."""

    def __init__(self) -> None:
        self.responses: list[httpx2.Response] = []

    def http_client(self, **options) -> httpx2.AsyncClient:
        client = create_mcp_http_client(**options)
        client.event_hooks = {"response": [self._note]}
        return client

    async def _note(self, response: httpx2.Response) -> None:
        self.responses.append(response)

    def session_id(self) -> str | None:
        ids = (response.headers.get("mcp-session-id") for response in self.responses)
        return next(filter(None, ids), None)

    def posts(self) -> list[httpx2.URL]:
        return [each.url for each in self.responses if each.request.method == "POST"]

    def resumptions(self) -> int:
        return sum("last-event-id" in each.request.headers for each in self.responses)


@dataclass(frozen=True)
class Kind:
    """What the command line can name: transport, how the revision is found, which it is."""

    name: str
    transport: str
    mode: str
    revision: str

    def with_mode(self, mode: str) -> "Kind":
        return replace(self, mode=mode)


KINDS = {
    kind.name: kind
    for kind in [
        Kind("sse", "sse", "legacy", LEGACY),
        Kind("http", "http", "legacy", LEGACY),
        Kind("auto", "http", "auto", MODERN),
        Kind("modern", "http", MODERN, MODERN),
    ]
}


@dataclass
class Connection:
    """A client, what went over its wire, and what it was told."""

    kind: Kind
    client: Client
    wire: Wire
    messages: list[str] = field(default_factory=list)
    news: int = 0
    updated: list[str] = field(default_factory=list)


@asynccontextmanager
async def connected(kind: Kind, base: str = BASE, **callbacks):
    """Afterwards the session is gone, or will be (ENDED)."""
    connection = Connection(kind, None, Wire())

    async def note_message(params) -> None:
        connection.messages.append(f"{params.level} {params.logger}: {params.data}")

    async def note_news(message) -> None:
        if isinstance(message, ToolListChangedNotification):
            connection.news += 1
        elif isinstance(message, ResourceUpdatedNotification):
            connection.updated.append(str(message.params.uri))

    callbacks |= {"logging_callback": note_message, "message_handler": note_news}
    wire = connection.wire
    if kind.transport == "sse":
        transport = sse_client(f"{base}/sse", httpx_client_factory=wire.http_client)
        async with Client(transport, mode=kind.mode, **callbacks) as connection.client:
            yield connection
        note_ended(wire)
        return
    async with wire.http_client() as http_client:
        transport = streamable_http_client(f"{base}/mcp", http_client=http_client)
        async with Client(transport, mode=kind.mode, **callbacks) as connection.client:
            yield connection
    await is_gone(wire, base)


def note_ended(wire: Wire) -> None:
    """A cut HTTP+SSE session lives on for the resume window: `run` looks whether it ends."""
    if path := os.environ.get("ENDED"):
        address = wire.posts()[-1].copy_with(port=urlsplit(BASE).port)
        with open(path, "a") as file:
            print(address, file=file)


async def is_gone(wire: Wire, base: str) -> None:
    session_id = wire.session_id()
    if session_id is None:
        return  # 2026-07-28 has no sessions.
    last = wire.responses[-1]
    assert (last.request.method, last.status_code) in [("DELETE", 200), ("DELETE", 204)], last
    async with httpx2.AsyncClient() as http_client:
        response = await http_client.post(
            f"{base}/mcp",
            headers={
                "accept": "application/json, text/event-stream",
                "mcp-session-id": session_id,
            },
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        )
    assert response.status_code == 404, response.status_code


async def until(what: str, condition) -> None:
    with anyio.move_on_after(10 * SLOWNESS):
        while not condition():
            await anyio.sleep(0.02)
        return
    raise AssertionError(f"waited too long: {what}")


def reload(name: str, is_there: bool) -> None:
    """Puts a tool into the daemon's configuration, or takes it away, and has it reloaded.

    Other clients do the same at the same time, each with a file of its own.
    """
    path = Path(os.environ["DROP_INS"]) / f"{name}.toml"
    if is_there:
        # At once: another client's reload must not read half of it.
        new = path.with_suffix(".toml.new")
        lines = [f'name = "{name}"', 'description = "Say nothing."', 'command = ["true"]']
        new.write_text("\n".join(["[[tool]]", *lines, ""]))
        new.rename(path)
    else:
        path.unlink()
    os.kill(int(os.environ["DAEMON"]), signal.SIGHUP)


def text(result) -> str:
    return "\n".join(getattr(item, "text", "") for item in result.content)


async def call(connection: Connection, name: str, **arguments):
    return await connection.client.call_tool(name, arguments, read_timeout_seconds=20 * SLOWNESS)


# ---- running checks ----


def innermost(error: BaseException) -> BaseException:
    """The fault itself: task groups wrap it once per level."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def passes(name: str, check, limit: float = 30) -> bool:
    try:
        with anyio.fail_after(limit * SLOWNESS):
            await check()
    except Exception as error:
        cause = innermost(error)
        why = str(cause) or traceback.format_exception(cause)[-2]
        print(f"not ok {name}: {type(cause).__name__} {why}".replace("\n", " "), flush=True)
        return False
    print(f"ok {name}", flush=True)
    return True


async def run_all(kind: Kind, on_one_connection, of_their_own, **callbacks) -> bool:
    """Runs checks that share a connection, then those that make their own."""
    results = []

    async def share() -> None:
        async with connected(kind, **callbacks) as connection:
            for check in on_one_connection:
                results.append(await passes(check.__name__, lambda: check(connection)))

    # Outside `passes`, whose time limit is for one check.
    try:
        await share()
    except Exception as error:
        print(f"not ok connects: {innermost(error)}", flush=True)
        results.append(False)
    for check in of_their_own:
        results.append(await passes(check.__name__, lambda: check(kind)))
    return all(results)


def run(checks_of) -> None:
    """Runs what `checks_of` finds for the kind that the command line names, and exits."""
    # The SDK logs a traceback for every connection that is cut on purpose.
    logging.disable(logging.CRITICAL)
    kind = KINDS[sys.argv[1]]
    sys.exit(0 if anyio.run(run_all, kind, *checks_of(kind)) else 1)

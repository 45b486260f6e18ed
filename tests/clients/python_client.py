"""The official Python SDK (PyPI mcp): python_client.py sse|http

Environment as in checks.mjs: SLIMCP_URL, SLOWNESS, ENDED.
"""

import json
import logging
import os
import re
import sys
import tempfile
import traceback
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx2
from cutter import Cutter
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError

BASE = os.environ.get("SLIMCP_URL", "http://127.0.0.1:8000")
SLOWNESS = float(os.environ.get("SLOWNESS", "1"))
TOOLS = {"add", "count", "echo", "fail", "slow", "system-info"}
NEWEST_LEGACY = "2025-11-25"


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


@asynccontextmanager
async def connected(kind: str, base: str = BASE, mode: str = "legacy"):
    """A client and its wire; afterwards the session is gone, or will be (ENDED)."""
    wire = Wire()
    if kind == "sse":
        transport = sse_client(f"{base}/sse", httpx_client_factory=wire.http_client)
        async with Client(transport, mode=mode) as client:
            yield client, wire
        note_ended(wire)
        return
    async with wire.http_client() as http_client:
        transport = streamable_http_client(f"{base}/mcp", http_client=http_client)
        async with Client(transport, mode=mode) as client:
            yield client, wire
    await is_gone(wire)


def note_ended(wire: Wire) -> None:
    """A cut HTTP+SSE session lives on for the resume window: `run` looks whether it ends."""
    if path := os.environ.get("ENDED"):
        address = wire.posts()[-1].copy_with(port=urlsplit(BASE).port)
        with open(path, "a") as file:
            print(address, file=file)


async def is_gone(wire: Wire) -> None:
    session_id = wire.session_id()
    if session_id is None:
        return  # The revision that `auto` found has no sessions.
    last = wire.responses[-1]
    assert (last.request.method, last.status_code) in [("DELETE", 200), ("DELETE", 204)], last
    async with httpx2.AsyncClient() as http_client:
        response = await http_client.post(
            f"{BASE}/mcp",
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


def text(result) -> str:
    return "\n".join(getattr(item, "text", "") for item in result.content)


async def call(client: Client, name: str, **arguments):
    return await client.call_tool(name, arguments, read_timeout_seconds=20 * SLOWNESS)


async def count_completely(client: Client, to: int, on_progress=lambda seen: None) -> None:
    """Calls `count`; afterwards every line must have come once."""
    numbers: list[float] = []
    lines: list[str] = []

    async def note(progress: float, _total: float | None, message: str | None) -> None:
        numbers.append(progress)
        if message and message.isdigit():
            lines.append(message)
        on_progress(len(numbers))

    result = await client.call_tool(
        "count", {"to": to}, read_timeout_seconds=20 * SLOWNESS, progress_callback=note
    )
    assert text(result).endswith(f"done {to}"), text(result)
    assert numbers == sorted(set(numbers)), f"progress must rise: {numbers}"
    assert lines == [str(index + 1) for index in range(to)], lines


# ---- checks on one connection ----


async def negotiates_the_newest_legacy_revision(client: Client) -> None:
    assert client.protocol_version == NEWEST_LEGACY, client.protocol_version


async def lists_tools(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert TOOLS <= tools.keys(), TOOLS - tools.keys()
    assert tools["count"].input_schema["required"] == ["to"]


async def echoes_any_text(client: Client) -> None:
    for said in ["hello", "", 'Grüße 🦀\u2028\n\r\n"\\\u0000', "x" * 50_000]:
        assert text(await call(client, "echo", text=said)) == said


async def reports_system_info(client: Client) -> None:
    result = await call(client, "system-info")
    assert not result.is_error and text(result) and result.structured_content, result


async def adds_with_structured_content(client: Client) -> None:
    result = await call(client, "add", a=2.5, b=-4)
    assert result.structured_content == {"sum": -1.5}, result
    assert json.loads(text(result)) == {"sum": -1.5}, result


async def sees_progress_in_order(client: Client) -> None:
    await count_completely(client, 8)


async def learns_why_a_tool_failed(client: Client) -> None:
    result = await call(client, "fail")
    assert result.is_error and "the cellar is flooded" in text(result), result


async def learns_which_argument_is_wrong(client: Client) -> None:
    wrong = await call(client, "add", a=1, b="two")
    assert wrong.is_error and re.search(r"\bb\b", text(wrong)), wrong
    high = await call(client, "count", to=61)
    assert high.is_error and re.search(r"\bto\b.*60", text(high), re.DOTALL), high


async def unknown_tool_is_invalid_params(client: Client) -> None:
    try:
        result = await call(client, "no-such-tool")
    except MCPError as error:
        assert error.code == -32602, error
    else:
        raise AssertionError(result)


async def cancels_and_the_process_is_gone(client: Client) -> None:
    with tempfile.TemporaryDirectory(prefix="slimcp-clients-") as directory:
        marker = Path(directory) / "marker"
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: call(client, "slow", marker=str(marker)))
            await until("slow starts", lambda: marker.exists() and marker.read_text())
            group.cancel_scope.cancel()
        await until("TERM arrives", lambda: "terminated" in marker.read_text())
        process = Path("/proc") / marker.read_text().split()[0]
        await until("process is gone", lambda: not process.exists())
    assert text(await call(client, "echo", text="still here")) == "still here"


async def pings(client: Client) -> None:
    await client.send_ping()


async def keeps_answers_apart(client: Client) -> None:
    heard: dict[str, str] = {}

    async def echo(said: str) -> None:
        heard[said] = text(await call(client, "echo", text=said))

    async with anyio.create_task_group() as group:
        group.start_soon(count_completely, client, 5)
        for index in range(20):
            group.start_soon(echo, f"number {index}")
    assert len(heard) == 20 and all(said == answer for said, answer in heard.items()), heard


ON_ONE_CONNECTION = [
    negotiates_the_newest_legacy_revision,
    lists_tools,
    echoes_any_text,
    reports_system_info,
    adds_with_structured_content,
    sees_progress_in_order,
    learns_why_a_tool_failed,
    learns_which_argument_is_wrong,
    unknown_tool_is_invalid_params,
    cancels_and_the_process_is_gone,
    pings,
    keeps_answers_apart,
]


# ---- checks with connections of their own ----


async def negotiates_by_itself(kind: str) -> None:
    async with connected(kind, mode="auto") as (client, _):
        assert text(await call(client, "echo", text="auto")) == "auto"


async def ends(kind: str) -> None:
    async with connected(kind) as (client, _):
        await client.list_tools()


@asynccontextmanager
async def cutter():
    cutter = Cutter(urlsplit(BASE).port or 80)
    await cutter.start()
    try:
        yield cutter
    finally:
        cutter.stop()


async def misses_nothing_when_cut_in_mid_call(kind: str) -> None:
    async with cutter() as network:
        base = f"http://127.0.0.1:{network.port}"
        async with connected(kind, base) as (client, wire):
            await count_completely(client, 40, lambda seen: seen == 3 and network.cut())
            assert wire.resumptions() > 0, "it never resumed"


async def connects_anew_after_a_cut(kind: str) -> None:
    """This transport does not reconnect: its calls fail, and a new client works."""
    async with cutter() as network:
        base = f"http://127.0.0.1:{network.port}"
        async with connected(kind, base) as (client, _):
            try:
                await count_completely(client, 40, lambda seen: seen == 3 and network.cut())
            except MCPError:
                pass
            else:
                raise AssertionError("the call survived the cut")
        async with connected(kind, base) as (client, _):
            await count_completely(client, 5)


OF_THEIR_OWN = {
    "http": [misses_nothing_when_cut_in_mid_call, negotiates_by_itself, ends],
    "sse": [connects_anew_after_a_cut, negotiates_by_itself, ends],
}


# ---- running them ----


def innermost(error: BaseException) -> BaseException:
    """The fault itself: task groups wrap it once per level."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def passes(name: str, check) -> bool:
    try:
        with anyio.fail_after(30 * SLOWNESS):
            await check()
    except Exception as error:
        cause = innermost(error)
        why = str(cause) or traceback.format_exception(cause)[-2]
        print(f"not ok {name}: {type(cause).__name__} {why}".replace("\n", " "), flush=True)
        return False
    print(f"ok {name}", flush=True)
    return True


async def main(kind: str) -> bool:
    results = []

    async def on_one_connection() -> None:
        async with connected(kind) as (client, _):
            for check in ON_ONE_CONNECTION:
                results.append(await passes(check.__name__, lambda: check(client)))

    # Outside `passes`, whose time limit is for one check.
    try:
        await on_one_connection()
    except Exception as error:
        print(f"not ok connects: {innermost(error)}", flush=True)
        results.append(False)
    for check in OF_THEIR_OWN[kind]:
        results.append(await passes(check.__name__, lambda: check(kind)))
    return all(results)


if __name__ == "__main__":
    # The SDK logs a traceback for every connection that is cut on purpose.
    logging.disable(logging.CRITICAL)
    sys.exit(0 if anyio.run(main, sys.argv[1]) else 1)

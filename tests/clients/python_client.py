"""The official Python SDK (PyPI mcp): python_client.py sse|http|auto|modern

What it has to do against the daemon, on every transport and in every mode. Environment as in
harness.py.
"""

import json
import os
import re
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import jsonschema
from cutter import Cutter
from harness import BASE, LEGACY, MODERN, SLOWNESS, Connection, Kind
from harness import call, connected, reload, run, text, until
from mcp.client.subscriptions import ToolsListChanged
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

TOOLS = {"add", "count", "echo", "fail", "grumble", "slow", "system-info"}


async def count_completely(
    connection: Connection, to: int, on_progress=lambda seen: None
) -> None:
    """Calls `count`; afterwards every line must have come once."""
    numbers: list[float] = []
    lines: list[str] = []

    async def note(progress: float, _total: float | None, message: str | None) -> None:
        numbers.append(progress)
        if message and message.isdigit():
            lines.append(message)
        on_progress(len(numbers))

    result = await connection.client.call_tool(
        "count", {"to": to}, read_timeout_seconds=20 * SLOWNESS, progress_callback=note
    )
    assert text(result).endswith(f"done {to}"), text(result)
    assert numbers == sorted(set(numbers)), f"progress must rise: {numbers}"
    assert lines == [str(index + 1) for index in range(to)], lines


@asynccontextmanager
async def slow():
    """The path of a marker file, for `slow`; afterwards its process has to be gone."""
    with tempfile.TemporaryDirectory(prefix="slimcp-clients-") as directory:
        marker = Path(directory) / "marker"
        yield marker
        await until("TERM arrives", lambda: "terminated" in marker.read_text())
        process = Path("/proc") / marker.read_text().split()[0]
        await until("process is gone", lambda: not process.exists())


async def call_slow(connection: Connection, marker: Path, begun=lambda: None) -> None:
    """Asks for progress: the answer has `begun` before it ends."""

    async def note(*_progress) -> None:
        begun()

    await connection.client.call_tool("slow", {"marker": str(marker)}, progress_callback=note)


async def starts(marker: Path) -> None:
    await until("slow starts", lambda: marker.exists() and marker.read_text())


# ---- checks on one connection: everywhere ----


async def negotiates_the_revision_it_asked_for(connection: Connection) -> None:
    found = connection.client.protocol_version
    assert found == connection.kind.revision, found


async def lists_tools(connection: Connection) -> None:
    tools = {tool.name: tool for tool in (await connection.client.list_tools()).tools}
    assert TOOLS <= tools.keys(), TOOLS - tools.keys()
    assert tools["count"].input_schema["required"] == ["to"]


async def echoes_any_text(connection: Connection) -> None:
    for said in ["hello", "", 'Grüße 🦀\u2028\n\r\n"\\\u0000', "x" * 50_000]:
        assert text(await call(connection, "echo", text=said)) == said


async def reports_system_info(connection: Connection) -> None:
    result = await call(connection, "system-info")
    assert not result.is_error and text(result) and result.structured_content, result


async def adds_with_structured_content(connection: Connection) -> None:
    result = await call(connection, "add", a=2.5, b=-4)
    assert result.structured_content == {"sum": -1.5}, result
    assert json.loads(text(result)) == {"sum": -1.5}, result


async def found(connection: Connection, tool: str, **arguments) -> dict:
    """What a tool that knows folders has found; the client has held it against the schema."""
    tools = {tool.name: tool for tool in (await connection.client.list_tools()).tools}
    result = await call(connection, tool, **arguments)
    assert not result.is_error and text(result), result
    jsonschema.validate(result.structured_content, tools[tool].output_schema)
    return result.structured_content


async def finds_code_by_what_it_does(connection: Connection) -> None:
    query = "function that parses JSON"
    [hit, *_] = (await found(connection, "vector-search", query=query, limit=5))["hits"]
    assert hit["title"].endswith("read_reading") and hit["language"] == "python", hit
    read = await connection.client.read_resource(hit["uri"])
    lines = read.contents[0].text.splitlines()
    assert lines[hit["line"] - 1].startswith("def read_reading"), hit


async def finds_what_notes_say(connection: Connection) -> None:
    answer = await found(connection, "knowledge-search", query="the pump hums", limit=1_000_000)
    hit = answer["hits"][0]
    assert "Pump" in hit["title"] and "impeller" in hit["snippet"], hit
    assert "limit is 50" in answer["note"], answer
    none = await call(connection, "knowledge-search", query=" ")
    assert none.is_error and "query" in text(none), none


async def lists_decisions(connection: Connection) -> None:
    decisions = (await found(connection, "adr-list"))["decisions"]
    assert [decision["number"] for decision in decisions] == [1, 2], decisions
    assert decisions[0]["supersededBy"] == 2 and decisions[1]["supersedes"] == [1], decisions
    accepted = (await found(connection, "adr-list", status="accepted"))["decisions"]
    assert [decision["number"] for decision in accepted] == [2], accepted


async def is_told_how_the_index_is(connection: Connection) -> None:
    one = await found(connection, "task-status", id="insight-index")
    assert (one["status"], one["progress"], one["total"]) == ("completed", 4, 4), one
    assert one in (await found(connection, "task-status"))["tasks"]


async def reads_nothing_outside_of_folders(connection: Connection) -> None:
    templates = (await connection.client.list_resource_templates()).resource_templates
    assert [each.uri_template for each in templates] == ["insight://{folder}/{+path}"], templates
    for way in ["code/%2e%2e/notes/cellar.md", "code//etc/passwd", "code/%00", "etc/passwd"]:
        try:
            result = await connection.client.read_resource(f"insight://{way}")
        except MCPError as error:
            assert "not found" in str(error).lower(), error
        else:
            raise AssertionError(result)


# Builds for routers know nothing.
KNOWING = [
    finds_code_by_what_it_does,
    finds_what_notes_say,
    lists_decisions,
    is_told_how_the_index_is,
    reads_nothing_outside_of_folders,
]


async def sees_progress_in_order(connection: Connection) -> None:
    await count_completely(connection, 8)


async def learns_why_a_tool_failed(connection: Connection) -> None:
    result = await call(connection, "fail")
    assert result.is_error and "the cellar is flooded" in text(result), result


async def learns_which_argument_is_wrong(connection: Connection) -> None:
    wrong = await call(connection, "add", a=1, b="two")
    assert wrong.is_error and re.search(r"\bb\b", text(wrong)), wrong
    high = await call(connection, "count", to=61)
    assert high.is_error and re.search(r"\bto\b.*60", text(high), re.DOTALL), high


async def unknown_tool_is_invalid_params(connection: Connection) -> None:
    try:
        result = await call(connection, "no-such-tool")
    except MCPError as error:
        assert error.code == -32602, error
    else:
        raise AssertionError(result)


async def cancels_and_the_process_is_gone(connection: Connection) -> None:
    async with slow() as marker, anyio.create_task_group() as group:
        group.start_soon(call_slow, connection, marker)
        await starts(marker)
        group.cancel_scope.cancel()
    assert text(await call(connection, "echo", text="still here")) == "still here"


async def hears_log_messages_at_the_level_it_asked_for(connection: Connection) -> None:
    said = ["info grumble: too cold", "info grumble: too wet"]
    for level, expected in [("debug", said), ("info", said), ("warning", []), (None, [])]:
        connection.messages.clear()
        meta = None
        if connection.kind.revision == LEGACY:
            await connection.client.set_logging_level(level or "error")
        elif level:
            meta = {"io.modelcontextprotocol/logLevel": level}
        assert text(await connection.client.call_tool("grumble", {}, meta=meta)) == "done"
        assert connection.messages == expected, (level, connection.messages)


async def keeps_answers_apart(connection: Connection) -> None:
    heard: dict[str, str] = {}

    async def echo(said: str) -> None:
        heard[said] = text(await call(connection, "echo", text=said))

    async with anyio.create_task_group() as group:
        group.start_soon(count_completely, connection, 5)
        for index in range(20):
            group.start_soon(echo, f"number {index}")
    assert len(heard) == 20 and all(said == answer for said, answer in heard.items()), heard


EVERYWHERE = [
    negotiates_the_revision_it_asked_for,
    lists_tools,
    echoes_any_text,
    reports_system_info,
    adds_with_structured_content,
    sees_progress_in_order,
    learns_why_a_tool_failed,
    learns_which_argument_is_wrong,
    unknown_tool_is_invalid_params,
    cancels_and_the_process_is_gone,
    hears_log_messages_at_the_level_it_asked_for,
    keeps_answers_apart,
    *(KNOWING if os.environ.get("KNOWN") else []),
]


# ---- checks on one connection: news ----


async def sees_reloads(connection: Connection) -> None:
    """Has a tool added and taken away: after some news each time the list must be another."""
    name = f"python-{connection.kind.name}"

    # A client may keep a list until it is told that there is another.
    async def is_listed() -> bool:
        return any(tool.name == name for tool in (await connection.client.list_tools()).tools)

    assert not await is_listed(), "it is there already"
    for is_there in [True, False]:
        before = connection.news
        reload(name, is_there)
        with anyio.fail_after(10 * SLOWNESS):
            while connection.news == before or await is_listed() != is_there:
                await anyio.sleep(0.02)


async def pings(connection: Connection) -> None:
    await connection.client.send_ping()


async def is_told_that_tools_changed(connection: Connection) -> None:
    await sees_reloads(connection)


@asynccontextmanager
async def listening(connection: Connection):
    """The client listens to changes of tools."""

    async def note(subscription) -> None:
        async for event in subscription:
            assert event == ToolsListChanged(), event
            connection.news += 1

    async with connection.client.listen(tools_list_changed=True) as subscription:
        assert subscription.honored.tools_list_changed, subscription.honored
        async with anyio.create_task_group() as group:
            group.start_soon(note, subscription)
            yield
            group.cancel_scope.cancel()


async def needs_no_session(connection: Connection) -> None:
    wire = connection.wire
    assert wire.session_id() is None
    methods = {each.request.method for each in wire.responses}
    assert methods == {"POST"}, methods


async def hears_of_changes_while_it_listens(connection: Connection) -> None:
    async with listening(connection):
        await sees_reloads(connection)


async def hears_of_nothing_without_listening(connection: Connection) -> None:
    # Not on the shared connection: news of what it just listened to may still be under way.
    async with connected(connection.kind) as deaf:
        async with listening(connection):
            await sees_reloads(connection)
        assert deaf.news == 0


async def listens_twice_while_it_calls(connection: Connection) -> None:
    async with listening(connection), listening(connection):
        await count_completely(connection, 5)
    await count_completely(connection, 3)


ON_ONE_CONNECTION = {
    LEGACY: [*EVERYWHERE, pings, is_told_that_tools_changed],
    MODERN: [
        *EVERYWHERE,
        needs_no_session,
        hears_of_changes_while_it_listens,
        hears_of_nothing_without_listening,
        listens_twice_while_it_calls,
    ],
}


# ---- checks with connections of their own ----


async def ends(kind: Kind) -> None:
    async with connected(kind) as connection:
        await connection.client.list_tools()


@asynccontextmanager
async def cutter():
    cutter = Cutter(urlsplit(BASE).port or 80)
    await cutter.start()
    try:
        yield cutter, f"http://127.0.0.1:{cutter.port}"
    finally:
        cutter.stop()


async def misses_nothing_when_cut_in_mid_call(kind: Kind) -> None:
    async with cutter() as (network, base), connected(kind, base) as connection:
        await count_completely(connection, 40, lambda seen: seen == 3 and network.cut())
        assert connection.wire.resumptions() > 0, "it never resumed"


async def connects_anew_after_a_cut(kind: Kind) -> None:
    """This transport does not reconnect: its calls fail, and a new client works."""
    async with cutter() as (network, base):
        async with connected(kind, base) as connection:
            try:
                await count_completely(connection, 40, lambda seen: seen == 3 and network.cut())
            except MCPError:
                pass
            else:
                raise AssertionError("the call survived the cut")
        async with connected(kind, base) as connection:
            await count_completely(connection, 5)


async def falls_back_by_itself(kind: Kind) -> None:
    async with connected(kind.with_mode("auto")) as connection:
        assert connection.client.protocol_version == LEGACY
        assert text(await call(connection, "echo", text="auto")) == "auto"


async def learns_that_it_cannot_insist(kind: Kind) -> None:
    """It does not ask whether the revision is served: its first request fails.

    So does an answer of another revision, in which it misses what this one demands.
    """
    async with connected(kind.with_mode(MODERN)) as connection:
        try:
            result = await connection.client.list_tools()
        except (MCPError, ValidationError):
            pass
        else:
            raise AssertionError(result)


async def loses_the_call_when_cut_and_its_process_is_gone(kind: Kind) -> None:
    """Nothing resumes: the connection was the call."""
    async with cutter() as (network, base), connected(kind, base) as connection:
        async with slow() as marker:
            try:
                await call_slow(connection, marker, begun=network.cut)
            except MCPError:
                pass
            else:
                raise AssertionError("the call survived the cut")
        await count_completely(connection, 3)


async def ends_every_call_when_it_leaves(kind: Kind) -> None:
    async with slow() as marker, anyio.create_task_group() as group:

        async def leave() -> None:
            async with connected(kind) as connection, listening(connection):
                await call_slow(connection, marker)

        group.start_soon(leave)
        await starts(marker)
        group.cancel_scope.cancel()


OF_THEIR_OWN = {
    "sse": [
        connects_anew_after_a_cut,
        falls_back_by_itself,
        learns_that_it_cannot_insist,
        ends,
    ],
    "http": [misses_nothing_when_cut_in_mid_call, ends],
    "auto": [
        loses_the_call_when_cut_and_its_process_is_gone,
        ends_every_call_when_it_leaves,
        ends,
    ],
}
OF_THEIR_OWN["modern"] = OF_THEIR_OWN["auto"]


if __name__ == "__main__":
    run(lambda kind: (ON_ONE_CONNECTION[kind.revision], OF_THEIR_OWN[kind.name]))

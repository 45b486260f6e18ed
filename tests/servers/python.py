"""The official Python SDK against stdio servers behind the gateway: python.py sse|http|modern

Goes through all servers, and then through all of them at once at /mcp. Environment as in
../clients/harness.py, and FOLDER, where the servers work.
"""

import json
import logging
import os
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "clients"))

import anyio  # noqa: E402
from harness import BASE, KINDS, MODERN, Connection, connected, passes, text, until  # noqa: E402
from mcp.client.subscriptions import ResourceUpdated, ToolsListChanged  # noqa: E402
from mcp.shared.exceptions import MCPError  # noqa: E402
from mcp_types import (  # noqa: E402
    CreateMessageResult,
    ElicitResult,
    ListRootsResult,
    PromptReference,
    ResourceTemplateReference,
    Root,
    TextContent,
)

KIND = KINDS[sys.argv[1]]
ME = f"python-{KIND.name}"
IS_MODERN = KIND.revision == MODERN
FOLDER = Path(os.environ["FOLDER"])
SERVERS = dict(re.findall(r"\['([\w-]+)', '(\w+)'\]", (HERE / "servers.mjs").read_text()))
OURS = [name for name in SERVERS if name[:3] in ("py-", "ts-", "rs-")]


# ---- a client that answers ----


@asynccontextmanager
async def answering(path: str, action: str = "accept"):
    """A connection; `asked` is what it was asked."""
    asked: list = []

    async def fill_in(_context, params) -> ElicitResult:
        asked.append(params)
        content = {"name": f"Ada of {ME}"} if action == "accept" else None
        return ElicitResult(action=action, content=content)

    async def speak(_context, params) -> CreateMessageResult:
        asked.append(params)
        content = TextContent(type="text", text=f"Polly of {ME}")
        return CreateMessageResult(role="assistant", model="a parrot", content=content)

    async def name_roots(_context) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=f"file:///home/{ME}", name=ME)])

    callbacks = {
        "elicitation_callback": fill_in,
        "sampling_callback": speak,
        "list_roots_callback": name_roots,
    }
    async with connected(KIND, f"{BASE}{path}", **callbacks) as connection:
        connection.asked = asked
        yield connection


async def use(connection: Connection, tool: str, /, **given):
    return await connection.client.call_tool(tool, given)


async def fails(work) -> None:
    """One way or the other: servers differ in which."""
    try:
        result = await work
    except MCPError:
        return
    assert result.is_error, result


async def refused(work, *codes: int) -> None:
    try:
        result = await work
    except MCPError as error:
        assert error.code in codes, error
        return
    raise AssertionError(result)


async def counts(connection: Connection, name: str, given: dict, expected: list) -> str:
    seen = []

    async def note(progress: float, total: float | None, _message: str | None) -> None:
        seen.append((progress, total))

    result = await connection.client.call_tool(name, given, progress_callback=note)
    # SDKs drop progress that arrives in one read with the result.
    assert len(seen) >= len(expected) - 1 and seen == expected[: len(seen)], seen
    return text(result)


@asynccontextmanager
async def hearing_of(connection: Connection, uri: str):
    """What is told of a resource meanwhile, and only then."""
    if not IS_MODERN:
        await connection.client.subscribe_resource(uri)
        yield connection.updated
        await connection.client.unsubscribe_resource(uri)
        return
    told: list[str] = []

    async def note(news) -> None:
        async for event in news:
            assert isinstance(event, ResourceUpdated), event
            told.append(event.uri)

    async with connection.client.listen(resource_subscriptions=[uri]) as news:
        assert news.honored.resource_subscriptions == [uri], news.honored
        async with anyio.create_task_group() as group:
            group.start_soon(note, news)
            yield told
            group.cancel_scope.cancel()


# ---- checks: servers of the world ----


async def lists_what_there_is(connection: Connection) -> None:
    client = connection.client
    names = {tool.name for tool in (await client.list_tools()).tools}
    assert {"echo", "get-sum", "trigger-elicitation-request"} <= names, names
    assert "args-prompt" in {each.name for each in (await client.list_prompts()).prompts}
    assert len((await client.list_resource_templates()).resource_templates) == 2


async def calls(connection: Connection) -> None:
    assert text(await use(connection, "echo", message=ME)) == f"Echo: {ME}"
    assert "5" in text(await use(connection, "get-sum", a=2, b=3))
    weather = await use(connection, "get-structured-content", location="Chicago")
    assert isinstance(weather.structured_content["temperature"], int | float), weather
    image = await use(connection, "get-tiny-image")
    assert "image" in {each.type for each in image.content}


async def sees_progress_of_a_long_operation(connection: Connection) -> None:
    given = {"duration": 0.5, "steps": 5}
    expected = [(step, 5) for step in range(1, 6)]
    name = "trigger-long-running-operation"
    assert "completed" in await counts(connection, name, given, expected)


async def cancels_a_long_operation(connection: Connection) -> None:
    with anyio.move_on_after(0.5) as scope:
        await use(connection, "trigger-long-running-operation", duration=20, steps=20)
    assert scope.cancelled_caught
    assert text(await use(connection, "echo", message="still")) == "Echo: still"


async def fills_in_its_form(connection: Connection) -> None:
    connection.asked.clear()
    said = text(await use(connection, "trigger-elicitation-request"))
    assert f"Ada of {ME}" in said and len(connection.asked) == 1, (said, connection.asked)


async def speaks_for_a_model(connection: Connection) -> None:
    connection.asked.clear()
    given = {"prompt": f"I am {ME}", "maxTokens": 10}
    said = text(await use(connection, "trigger-sampling-request", **given))
    assert f"Polly of {ME}" in said and f"I am {ME}" in str(connection.asked), said


async def reads_its_resources(connection: Connection) -> None:
    client = connection.client
    first = (await client.list_resources()).resources[0]
    assert (await client.read_resource(first.uri)).contents[0].text
    made = await client.read_resource("demo://resource/dynamic/text/7")
    assert made.contents[0].text.startswith("Resource 7"), made


async def fills_in_its_prompts(connection: Connection) -> None:
    client = connection.client
    made = await client.get_prompt("args-prompt", {"city": "Bonn", "state": "NRW"})
    assert "Bonn" in made.messages[0].content.text, made
    await refused(client.get_prompt("no-such-prompt", {}), -32602)


async def completes_its_arguments(connection: Connection) -> None:
    client = connection.client
    prompt = PromptReference(type="ref/prompt", name="completable-prompt")
    found = await client.complete(prompt, {"name": "department", "value": "S"})
    assert found.completion.values == ["Sales", "Support"], found
    uri = "demo://resource/dynamic/text/{resourceId}"
    template = ResourceTemplateReference(type="ref/resource", uri=uri)
    found = await client.complete(template, {"name": "resourceId", "value": "7"})
    assert found.completion.values == ["7"], found


async def learns_what_is_wrong(connection: Connection) -> None:
    await fails(use(connection, "get-sum", a="two"))
    await refused(use(connection, "no-such-tool"), -32602)


async def hears_of_its_own_resource(connection: Connection) -> None:
    uri = "demo://resource/dynamic/text/1"
    async with hearing_of(connection, uri) as told:
        await use(connection, "toggle-subscriber-updates")
        await until("news of the resource", lambda: uri in told)
        await use(connection, "toggle-subscriber-updates")


async def hears_its_own_log(connection: Connection) -> None:
    connection.messages.clear()
    await connection.client.set_logging_level("debug")
    await use(connection, "toggle-simulated-logging")
    await until("a message", lambda: connection.messages)
    await use(connection, "toggle-simulated-logging")


async def writes_and_reads(connection: Connection) -> None:
    path = FOLDER / "files" / f"{ME}.txt"
    await use(connection, "write_file", path=str(path), content=f"by {ME}\n")
    assert path.read_text() == f"by {ME}\n"
    assert ME in text(await use(connection, "read_text_file", path=str(path)))
    assert path.name in text(await use(connection, "list_directory", path=str(path.parent)))


async def stays_where_it_may_be(connection: Connection) -> None:
    await fails(use(connection, "read_text_file", path="/etc/hostname"))


async def remembers(connection: Connection) -> None:
    uri = "memory://knowledge-graph"
    entity = {"name": ME, "entityType": "client", "observations": ["is here"]}
    # It reads its file, changes that and writes it, and so forgets what others add meanwhile.
    async with hearing_of(connection, uri) as told:
        found = []
        with anyio.fail_after(10):
            while ME not in found:
                await use(connection, "create_entities", entities=[entity])
                graph = (await use(connection, "search_nodes", query=ME)).structured_content
                found = [each["name"] for each in graph["entities"]]
        await until("news of the graph", lambda: uri in told)
    assert '"entityType":"client"' in (FOLDER / "memory.jsonl").read_text()


async def tells_the_time(connection: Connection) -> None:
    told = json.loads(text(await use(connection, "get_current_time", timezone="Etc/UTC")))
    assert told["timezone"] == "Etc/UTC" and not told["is_dst"], told
    given = {"source_timezone": "Europe/Berlin", "time": "12:30", "target_timezone": "Asia/Tokyo"}
    assert re.search("T(19|20):30", text(await use(connection, "convert_time", **given)))
    await fails(use(connection, "get_current_time", timezone="Nowhere/None"))


async def reads_the_history(connection: Connection) -> None:
    repository = str(FOLDER / "repository")
    log = await use(connection, "git_log", repo_path=repository, max_count=5)
    assert "plant a tree" in text(log), log
    await fails(use(connection, "git_log", repo_path="/"))


# ---- checks: servers of ours ----


async def is_told_who_it_is(connection: Connection) -> None:
    # A client that insists on 2026-07-28 does not ask.
    if not IS_MODERN:
        assert connection.client.server_info.name.startswith("ours-")
        assert connection.client.instructions == "Be kind."


async def echoes_any_text(connection: Connection) -> None:
    for said in ["hello", 'Grüße 🦀\u2028\n\r\n"\\\u0000', "x" * 50_000]:
        assert text(await use(connection, "echo", text=said)) == said


async def sees_progress(connection: Connection) -> None:
    expected = [(number, 5) for number in range(1, 6)]
    assert await counts(connection, "count", {"to": 5}, expected) == "counted 5"


async def keeps_answers_apart(connection: Connection) -> None:
    heard: dict[str, str] = {}

    async def echo(said: str) -> None:
        heard[said] = text(await use(connection, "echo", text=said))

    async with anyio.create_task_group() as group:
        for index in range(20):
            group.start_soon(echo, f"{ME} {index}")
    assert len(heard) == 20 and all(said == answer for said, answer in heard.items()), heard


async def cancels(connection: Connection) -> None:
    marker = FOLDER / f"{ME}-{connection.server}-cancelled"

    async def wait() -> None:
        await use(connection, "wait", marker=str(marker))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await until("it waits", lambda: marker.exists() and marker.read_text() == "started")
        group.cancel_scope.cancel()
    await until("it is cancelled", lambda: marker.read_text() == "cancelled")


async def learns_what_failed(connection: Connection) -> None:
    result = await use(connection, "fail")
    assert result.is_error and "the cellar is flooded" in text(result), result
    await refused(use(connection, "no-such-tool"), -32602)


async def fills_in_a_form(connection: Connection) -> None:
    connection.asked.clear()
    assert text(await use(connection, "ask_name")) == f"Hello, Ada of {ME}!"
    assert [each.message for each in connection.asked] == ["What is your name?"], connection.asked


async def declines_a_form(connection: Connection) -> None:
    async with answering(f"/servers/{connection.server}", "decline") as other:
        assert text(await use(other, "ask_name")) == "Nobody: decline"


async def reads_resources(connection: Connection) -> None:
    client = connection.client
    assert [str(each.uri) for each in (await client.list_resources()).resources] == ["memo://note"]
    (note,) = (await client.read_resource("memo://note")).contents
    assert note.text == "remember the milk", note
    codes = [-32602] if IS_MODERN else [-32602, -32002]
    await refused(client.read_resource("memo://nothing/here"), *codes)


async def fills_in_prompts(connection: Connection) -> None:
    made = await connection.client.get_prompt("greet", {"name": ME})
    assert made.messages[0].content.text == f"Greet {ME}.", made


async def reads_what_a_template_stands_for(connection: Connection) -> None:
    (found,) = (await connection.client.read_resource(f"memo://notes/{ME}")).contents
    assert found.text == f"remember {ME}", found


async def completes(connection: Connection) -> None:
    prompt = PromptReference(type="ref/prompt", name="greet")
    found = await connection.client.complete(prompt, {"name": "name", "value": "a"})
    assert found.completion.values == ["ada", "alan"], found


async def is_told_of_changes(connection: Connection) -> None:
    client = connection.client

    async def change(exists: bool, told) -> None:
        before = told()
        await use(connection, "extra", name=ME, exists=exists)
        with anyio.fail_after(10):
            while told() == before or await is_listed() != exists:
                await anyio.sleep(0.02)

    async def is_listed() -> bool:
        return any(tool.name == ME for tool in (await client.list_tools()).tools)

    if not IS_MODERN:
        for exists in [True, False]:
            await change(exists, lambda: connection.news)
        return
    news_told: list = []

    async def note(news) -> None:
        async for event in news:
            assert event == ToolsListChanged(), event
            news_told.append(event)

    async with client.listen(tools_list_changed=True) as news, anyio.create_task_group() as group:
        group.start_soon(note, news)
        for exists in [True, False]:
            await change(exists, lambda: len(news_told))
        group.cancel_scope.cancel()


async def hears_of_a_resource(connection: Connection) -> None:
    connection.updated.clear()
    uri = f"memo://notes/{ME}"
    await use(connection, "touch", uri=uri)
    async with hearing_of(connection, uri) as told:
        await use(connection, "touch", uri="memo://note")
        await use(connection, "touch", uri=uri)
        await until("news of the resource", lambda: told)
    await use(connection, "touch", uri=uri)
    assert told == [uri], told


async def hears_log_messages(connection: Connection) -> None:
    said = ["info cellar: too cold", "info cellar: too wet"]
    for level, expected in [("error", []), ("info", said)]:
        connection.messages.clear()
        meta = {"io.modelcontextprotocol/logLevel": level} if IS_MODERN else None
        if not IS_MODERN:
            await connection.client.set_logging_level(level)
        await connection.client.call_tool("grumble", {}, meta=meta)
        await until("the messages come", lambda: len(connection.messages) >= len(expected))
        assert connection.messages == expected, connection.messages


# ---- checks: all of them at /mcp ----


async def lists_every_tool(connection: Connection) -> None:
    # They are more than a page.
    page = await connection.client.list_tools()
    names = [tool.name for tool in page.tools]
    while page.next_cursor:
        page = await connection.client.list_tools(cursor=page.next_cursor)
        names += [tool.name for tool in page.tools]
    alone = {"get_current_time", "git_log", "write_file", "create_entities"}
    assert alone | {f"{server}_echo" for server in OURS} <= set(names), names
    assert len(set(names)) == len(names), names
    assert all(len(name) <= 64 for name in names), names


async def calls_across_servers(connection: Connection) -> None:
    assert "UTC" in text(await use(connection, "get_current_time", timezone="Etc/UTC"))
    for server in OURS:
        assert text(await use(connection, f"{server}_echo", text=server)) == server


async def is_asked_across_servers(connection: Connection) -> None:
    for server in ["py-handshake", "ts-stateless"]:
        said = text(await use(connection, f"{server}_ask_name"))
        assert said == f"Hello, Ada of {ME}!", said


async def reads_across_servers(connection: Connection) -> None:
    client = connection.client
    made = await client.read_resource("demo://resource/dynamic/text/7")
    assert made.contents[0].text.startswith("Resource 7"), made
    note = await client.read_resource("memo://note")
    assert note.contents[0].text == "remember the milk", note


# ---- all of them ----

IN_ALL = [
    is_told_who_it_is,
    echoes_any_text,
    sees_progress,
    keeps_answers_apart,
    cancels,
    learns_what_failed,
    fills_in_a_form,
    declines_a_form,
    reads_resources,
    fills_in_prompts,
]
IN_PYTHON = [*IN_ALL, reads_what_a_template_stands_for, completes, is_told_of_changes]
CHECKS = {
    "everything": [
        lists_what_there_is,
        calls,
        sees_progress_of_a_long_operation,
        cancels_a_long_operation,
        fills_in_its_form,
        speaks_for_a_model,
        reads_its_resources,
        fills_in_its_prompts,
        completes_its_arguments,
        learns_what_is_wrong,
    ],
    "own": [
        *([] if IS_MODERN else [hears_of_its_own_resource, hears_its_own_log]),
        calls,
        fills_in_its_form,
    ],
    "filesystem": [writes_and_reads, stays_where_it_may_be],
    "memory": [remembers],
    "time": [tells_the_time],
    "git": [reads_the_history],
    "python": IN_PYTHON,
    "typescript": [*IN_PYTHON, hears_of_a_resource, hears_log_messages],
    "rust": IN_ALL,
}
MERGED = [
    lists_every_tool,
    calls_across_servers,
    is_asked_across_servers,
    reads_across_servers,
]


async def go(server: str, path: str, checks: list) -> bool:
    results = []

    async def share() -> None:
        async with answering(path) as connection:
            connection.server = server
            for check in checks:
                name = f"{server}.{check.__name__}"
                results.append(await passes(name, lambda: check(connection)))

    results.append(await passes(f"{server}.connects_and_closes", share, limit=300))
    return all(results)


async def main() -> bool:
    results = [await go(name, f"/servers/{name}", CHECKS[of]) for name, of in SERVERS.items()]
    return all([*results, await go("all", "", MERGED)])


if __name__ == "__main__":
    # The SDK logs a traceback for every connection that is cut on purpose.
    logging.disable(logging.CRITICAL)
    sys.exit(0 if anyio.run(main) else 1)

"""The official Python SDK (PyPI mcp): python_example.py sse|http|auto|modern

What it has to do against examples/conformance: resources, prompts, and tools that ask their
client something. Environment as in harness.py.
"""

import json
from base64 import b64decode
from collections import Counter

import anyio
from harness import LEGACY, MODERN, SLOWNESS, Connection, Kind
from harness import call, connected, run, text, until
from mcp.client.subscriptions import PromptsListChanged, ResourceUpdated, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CreateMessageResult,
    ElicitResult,
    ListRootsResult,
    PromptReference,
    Root,
    TextContent,
)

PNG = b"\x89PNG"
# The resource that changes when `test_trigger_resource_change` is called.
WATCHED = "test://watched-resource"


# ---- answering ----


def answering(kind: Kind, asked: list, **answers):
    """A client that answers with `answers` and notes in `asked` what it was asked."""

    def noted(answer):
        async def callback(_context, params=None):
            asked.append(params)
            return answer(params) if callable(answer) else answer

        return callback

    callbacks = {f"{what}_callback": noted(answer) for what, answer in answers.items()}
    return connected(kind, **callbacks)


async def asked_once(kind: Kind, answers: dict, name: str, **arguments):
    """Calls a tool that asks once; what it asked, and what it said in the end."""
    asked: list = []
    async with answering(kind, asked, **answers) as connection:
        said = text(await call(connection, name, **arguments))
    assert len(asked) == 1, f"it was asked {len(asked)} times"
    return asked[0], said


def accepts(**content) -> dict:
    return {"elicitation": ElicitResult(action="accept", content=content)}


def says(said: str) -> dict:
    content = TextContent(type="text", text=said)
    return {"sampling": CreateMessageResult(role="assistant", model="a parrot", content=content)}


def has(*paths: str) -> dict:
    return {"list_roots": ListRootsResult(roots=[Root(uri=f"file://{path}") for path in paths])}


async def fails(work, code: int) -> MCPError:
    try:
        result = await work
    except MCPError as error:
        assert error.code == code, error
        return error
    raise AssertionError(result)


# ---- checks on one connection: everywhere ----


async def negotiates_the_revision_it_asked_for(connection: Connection) -> None:
    found = connection.client.protocol_version
    assert found == connection.kind.revision, found


async def is_given_every_kind_of_content(connection: Connection) -> None:
    async def content_of(name: str) -> list:
        return (await call(connection, name)).content

    (said,) = await content_of("test_simple_text")
    assert said.text == "This is a simple text response for testing.", said
    (image,) = await content_of("test_image_content")
    assert b64decode(image.data).startswith(PNG)
    (audio,) = await content_of("test_audio_content")
    assert audio.mime_type == "audio/wav" and b64decode(audio.data).startswith(b"RIFF"), audio
    (embedded,) = await content_of("test_embedded_resource")
    assert embedded.resource.text == "This is an embedded resource content.", embedded
    types = [each.type for each in await content_of("test_multiple_content_types")]
    assert types == ["text", "image", "resource"], types


async def learns_that_a_tool_failed(connection: Connection) -> None:
    result = await call(connection, "test_error_handling")
    assert result.is_error and text(result), result


async def sees_progress_in_order(connection: Connection) -> None:
    seen = []

    async def note(progress: float, total: float | None, _message: str | None) -> None:
        seen.append((progress, total))

    await connection.client.call_tool("test_tool_with_progress", {}, progress_callback=note)
    # SDKs drop progress that arrives in one read with the result.
    assert seen in [[(0, 100), (50, 100)], [(0, 100), (50, 100), (100, 100)]], seen


async def reads_resources(connection: Connection) -> None:
    client = connection.client
    uris = {str(each.uri) for each in (await client.list_resources()).resources}
    names = ["static-text", "static-binary", "watched-resource"]
    assert uris >= {f"test://{name}" for name in names}, uris
    (said,) = (await client.read_resource("test://static-text")).contents
    assert said.text == "This is the content of the static text resource.", said
    (binary,) = (await client.read_resource("test://static-binary")).contents
    assert binary.mime_type == "image/png" and b64decode(binary.blob).startswith(PNG), binary


async def reads_what_a_template_stands_for(connection: Connection) -> None:
    client = connection.client
    templates = (await client.list_resource_templates()).resource_templates
    assert "test://template/{id}/data" in {each.uri_template for each in templates}, templates
    (found,) = (await client.read_resource("test://template/a-1/data")).contents
    assert str(found.uri) == "test://template/a-1/data", found
    assert json.loads(found.text)["id"] == "a-1", found


async def learns_that_a_resource_is_unknown(connection: Connection) -> None:
    uri = "test://nothing/here"
    if connection.kind.revision == MODERN:
        error = await fails(connection.client.read_resource(uri), INVALID_PARAMS)
        assert error.data["uri"] == uri, error.data
    else:
        await fails(connection.client.read_resource(uri), -32002)


async def fills_in_prompts(connection: Connection) -> None:
    prompts = {each.name: each for each in (await connection.client.list_prompts()).prompts}
    wanted = prompts["test_prompt_with_arguments"].arguments
    assert [(each.name, each.required) for each in wanted] == [("arg1", True), ("arg2", True)]

    async def get(name: str, **arguments):
        return (await connection.client.get_prompt(name, arguments)).messages[0].content

    simple = await get("test_simple_prompt")
    assert simple.text == "This is a simple prompt for testing.", simple
    filled = await get("test_prompt_with_arguments", arg1="Grüße", arg2='"\n')
    assert filled.text == "Prompt with arguments: arg1='Grüße', arg2='\"\n'", filled
    uri = "test://static-text"
    embedded = await get("test_prompt_with_embedded_resource", resourceUri=uri)
    assert str(embedded.resource.uri) == uri, embedded
    image = await get("test_prompt_with_image")
    assert b64decode(image.data).startswith(PNG)


async def learns_that_a_prompt_is_unknown(connection: Connection) -> None:
    await fails(connection.client.get_prompt("no-such-prompt"), INVALID_PARAMS)


async def is_helped_to_complete(connection: Connection) -> None:
    prompt = PromptReference(type="ref/prompt", name="test_prompt_with_arguments")
    result = await connection.client.complete(prompt, {"name": "arg1", "value": "test"})
    assert isinstance(result.completion.values, list), result


EVERYWHERE = [
    negotiates_the_revision_it_asked_for,
    is_given_every_kind_of_content,
    learns_that_a_tool_failed,
    sees_progress_in_order,
    reads_resources,
    reads_what_a_template_stands_for,
    learns_that_a_resource_is_unknown,
    fills_in_prompts,
    learns_that_a_prompt_is_unknown,
    is_helped_to_complete,
]


# ---- checks on one connection: revisions with a handshake ----


async def hears_log_messages_at_the_level_it_set(connection: Connection) -> None:
    said = ["started", "processing", "completed"]
    for level, expected in [("error", []), ("info", said)]:
        connection.messages.clear()
        await connection.client.set_logging_level(level)
        await call(connection, "test_tool_with_logging")
        await until("the messages come", lambda: len(connection.messages) >= len(expected))
        heard = [
            word
            for message in connection.messages
            for word in ["started", "processing", "completed"]
            if word in message
        ]
        assert heard == expected, connection.messages


async def is_told_of_changes(connection: Connection) -> None:
    before = connection.news
    await call(connection, "test_trigger_tool_change")
    await until("news of tools", lambda: connection.news > before)


async def hears_of_a_resource_that_it_subscribed_to(connection: Connection) -> None:
    client = connection.client
    await call(connection, "test_trigger_resource_change")
    await client.subscribe_resource(WATCHED)
    await call(connection, "test_trigger_resource_change")
    await until("news of the resource", lambda: connection.updated)
    await client.unsubscribe_resource(WATCHED)
    await call(connection, "test_trigger_resource_change")
    # News come in order: nothing is under way any more.
    await is_told_of_changes(connection)
    assert connection.updated == [WATCHED], connection.updated


async def is_not_asked_what_it_cannot_answer(connection: Connection) -> None:
    try:
        result = await call(connection, "test_sampling", prompt="Who are you?")
        assert result.is_error, result
    except MCPError:
        pass


# ---- checks on one connection: 2026-07-28 ----


async def hears_log_messages_of_calls_that_ask(connection: Connection) -> None:
    for level, is_heard in [(None, False), ("emergency", False), ("debug", True)]:
        connection.messages.clear()
        meta = {"io.modelcontextprotocol/logLevel": level} if level else None
        await connection.client.call_tool("test_logging_tool", {}, meta=meta)
        assert bool(connection.messages) == is_heard, (level, connection.messages)


async def learns_what_it_would_have_to_be_able_to(connection: Connection) -> None:
    error = await fails(call(connection, "test_missing_capability"), -32021)
    assert error.data["requiredCapabilities"] == {"sampling": {}}, error.data


async def hears_of_changes_while_it_listens(connection: Connection) -> None:
    client = connection.client
    async with client.listen(tools_list_changed=True, prompts_list_changed=True) as news:
        assert news.honored.tools_list_changed and news.honored.prompts_list_changed
        with anyio.fail_after(10 * SLOWNESS):
            await call(connection, "test_trigger_tool_change")
            assert await anext(news) == ToolsListChanged()
            await call(connection, "test_trigger_prompt_change")
            assert await anext(news) == PromptsListChanged()


async def hears_of_a_resource_while_it_listens(connection: Connection) -> None:
    client = connection.client
    await call(connection, "test_trigger_resource_change")
    async with client.listen(tools_list_changed=True, resource_subscriptions=[WATCHED]) as news:
        assert news.honored.resource_subscriptions == [WATCHED], news.honored
        with anyio.fail_after(10 * SLOWNESS):
            await call(connection, "test_trigger_resource_change")
            assert await anext(news) == ResourceUpdated(WATCHED)
            await call(connection, "test_trigger_tool_change")
            assert await anext(news) == ToolsListChanged()


async def hears_only_of_what_it_listens_to(connection: Connection) -> None:
    async with connection.client.listen(prompts_list_changed=True) as news:
        with anyio.fail_after(10 * SLOWNESS):
            await call(connection, "test_trigger_tool_change")
            await call(connection, "test_trigger_prompt_change")
            assert await anext(news) == PromptsListChanged()


ON_ONE_CONNECTION = {
    LEGACY: [
        *EVERYWHERE,
        hears_log_messages_at_the_level_it_set,
        is_told_of_changes,
        hears_of_a_resource_that_it_subscribed_to,
        is_not_asked_what_it_cannot_answer,
    ],
    MODERN: [
        *EVERYWHERE,
        hears_log_messages_of_calls_that_ask,
        learns_what_it_would_have_to_be_able_to,
        hears_of_changes_while_it_listens,
        hears_of_a_resource_while_it_listens,
        hears_only_of_what_it_listens_to,
    ],
}


# ---- checks with clients of their own: revisions with a handshake ----


async def fills_in_the_form_of_a_tool(kind: Kind) -> None:
    answers = accepts(username="ada", email="ada@example.com")
    asked, said = await asked_once(kind, answers, "test_elicitation", message="Who?")
    assert asked.message == "Who?", asked
    assert said.startswith("User response: accept") and "ada@example.com" in said, said


async def declines_and_cancels_the_form(kind: Kind) -> None:
    for action in ["decline", "cancel"]:
        answers = {"elicitation": ElicitResult(action=action)}
        _, said = await asked_once(kind, answers, "test_elicitation", message="Who?")
        assert said.startswith(f"User response: {action}"), said


async def speaks_as_the_model_of_a_tool(kind: Kind) -> None:
    asked, said = await asked_once(kind, says("Polly"), "test_sampling", prompt="Who are you?")
    assert asked.messages[0].content.text == "Who are you?", asked
    assert said == "LLM response: Polly", said


async def answers_many_forms_at_once(kind: Kind) -> None:
    def answer(params) -> ElicitResult:
        content = {"username": params.message, "email": "x@example.com"}
        return ElicitResult(action="accept", content=content)

    said: dict[str, str] = {}

    async def ask(connection: Connection, name: str) -> None:
        said[name] = text(await call(connection, "test_elicitation", message=name))

    async with answering(kind, [], elicitation=answer) as connection:
        async with anyio.create_task_group() as group:
            for index in range(5):
                group.start_soon(ask, connection, f"user-{index}")
    assert len(said) == 5 and all(name in each for name, each in said.items()), said


# ---- checks with clients of their own: 2026-07-28 ----


async def ask(kind: Kind, what: str, **answers) -> tuple[list, str]:
    """What was asked, and what the tool said in the end."""
    asked: list = []
    async with answering(kind, asked, **answers) as connection:
        result = await call(connection, f"test_input_required_result_{what}")
    assert not result.is_error, result
    return asked, text(result)


async def fills_in_a_form(kind: Kind) -> None:
    asked, said = await ask(kind, "elicitation", **accepts(name="Ada"))
    assert [each.message for each in asked] == ["What is your name?"], asked
    assert said == "Hello, Ada!", said


async def declines_and_cancels_a_form(kind: Kind) -> None:
    for action in ["decline", "cancel"]:
        answers = {"elicitation": ElicitResult(action=action)}
        _, said = await asked_once(kind, answers, "test_input_required_result_elicitation")
        assert not any(word in said for word in ["Ada", "undefined", "null"]), said


async def speaks_for_a_model(kind: Kind) -> None:
    asked, said = await ask(kind, "sampling", **says("Paris"))
    assert asked[0].messages[0].content.text == "What is the capital of France?", asked
    assert "Paris" in said, said


async def names_its_roots(kind: Kind) -> None:
    _, said = await ask(kind, "list_roots", **has("/srv/a", "/srv/b"))
    assert "Found 2 root" in said, said


async def is_asked_three_things_at_once(kind: Kind) -> None:
    answers = accepts(name="Ada") | says("Good day") | has("/srv/a")
    asked, _ = await ask(kind, "multiple_inputs", **answers)
    assert len(asked) == 3, asked


async def is_asked_in_two_rounds(kind: Kind) -> None:
    def answer(params) -> ElicitResult:
        is_first = "name" in params.requested_schema["properties"]
        content = {"name": "Ada"} if is_first else {"color": "red"}
        return ElicitResult(action="accept", content=content)

    asked, _ = await ask(kind, "multi_round", elicitation=answer)
    rounds = [each.message.split(":")[0] for each in asked]
    assert rounds == ["Step 1", "Step 2"], rounds


async def brings_back_the_state_it_was_given(kind: Kind) -> None:
    _, said = await ask(kind, "request_state", **accepts(ok=True))
    assert "state-ok" in said, said


async def fills_in_the_form_of_a_prompt(kind: Kind) -> None:
    async with answering(kind, [], **accepts(context="a cellar")) as connection:
        result = await connection.client.get_prompt("test_input_required_result_prompt")
    assert "a cellar" in result.messages[0].content.text, result


async def answers_many_at_once(kind: Kind) -> None:
    count = iter(range(1, 6))

    def answer(_params) -> ElicitResult:
        return ElicitResult(action="accept", content={"name": f"user-{next(count)}"})

    said: Counter[str] = Counter()

    async def greet(connection: Connection) -> None:
        said[text(await call(connection, "test_input_required_result_elicitation"))] += 1

    async with answering(kind, [], elicitation=answer) as connection:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(greet, connection)
    assert said == Counter(f"Hello, user-{index}!" for index in range(1, 6)), said


OF_THEIR_OWN = {
    LEGACY: [
        fills_in_the_form_of_a_tool,
        declines_and_cancels_the_form,
        speaks_as_the_model_of_a_tool,
        answers_many_forms_at_once,
        names_its_roots,
    ],
    MODERN: [
        fills_in_a_form,
        declines_and_cancels_a_form,
        speaks_for_a_model,
        names_its_roots,
        is_asked_three_things_at_once,
        is_asked_in_two_rounds,
        brings_back_the_state_it_was_given,
        fills_in_the_form_of_a_prompt,
        answers_many_at_once,
    ],
}


if __name__ == "__main__":
    run(lambda kind: (ON_ONE_CONNECTION[kind.revision], OF_THEIR_OWN[kind.revision]))

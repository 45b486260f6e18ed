"""A stdio server with the official Python SDK (PyPI mcp): server.py dual|handshake

The same as server.mjs and ../rmcp. `dual` is what the SDK does by itself: the first message of a
client chooses the era, for good.
"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import anyio
from mcp.server.lowlevel import NotificationOptions
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp.server.runner import serve_loop
from mcp.server.stdio import stdio_server
from mcp_types import Completion
from pydantic import BaseModel

server = MCPServer("ours-python", version="1.0.0", instructions="Be kind.", log_level="ERROR")

MODERN = "2026-07-28"


@server.tool()
async def echo(text: str) -> str:
    """Say the same."""
    return text


@server.tool()
async def count(to: int, context: Context) -> str:
    """Count up, fifty numbers a second."""
    for number in range(1, to + 1):
        await anyio.sleep(0.02)
        await context.report_progress(number, to, f"number {number}")
    # Apart from the result: SDKs drop progress that arrives in one read with it.
    await anyio.sleep(0.05)
    return f"counted {to}"


@server.tool()
async def wait(marker: str) -> str:
    """Wait until it is cancelled, and write that into a file."""
    path = Path(marker)
    path.write_text("started")
    try:
        await anyio.sleep(30)
    except asyncio.CancelledError:
        path.write_text("cancelled")
        raise
    return "waited"


@server.tool()
async def fail() -> str:
    """Fail."""
    raise ToolError("the cellar is flooded")


class Name(BaseModel):
    name: str


async def ask() -> Elicit[Name]:
    return Elicit(message="What is your name?", schema=Name)


@server.tool()
async def ask_name(answer: Annotated[ElicitationResult[Name], Resolve(ask)]) -> str:
    """Ask a person."""
    if isinstance(answer, AcceptedElicitation):
        return f"Hello, {answer.data.name}!"
    return f"Nobody: {answer.action}"


@server.tool()
async def grumble(context: Context) -> str:
    """Write two log messages."""
    for word in ["cold", "wet"]:
        await context.log("info", f"too {word}", logger_name="cellar")
        await anyio.sleep(0.02)
    return "done"


@server.tool()
async def extra(name: str, exists: bool, context: Context) -> str:
    """Have one more tool, or no more."""
    if exists:
        server.add_tool(echo, name=name)
    else:
        server.remove_tool(name)
    if context.protocol_version == MODERN:
        await context.notify_tools_changed()
    else:
        await context.session.send_tool_list_changed()
    return "changed"


@server.tool()
async def touch(uri: str, context: Context) -> str:
    """Say that a resource has changed."""
    if context.protocol_version == MODERN:
        await context.notify_resource_updated(uri)
    else:
        await context.session.send_resource_updated(uri)
    return "touched"


@server.resource("memo://note", mime_type="text/plain")
async def note() -> str:
    """What to remember."""
    return "remember the milk"


@server.resource("memo://notes/{name}", mime_type="text/plain")
async def notes(name: str) -> str:
    """What to remember of somebody."""
    return f"remember {name}"


@server.prompt()
async def greet(name: str) -> str:
    """Have somebody greeted."""
    return f"Greet {name}."


@server.completion()
async def complete(_reference, argument, _context) -> Completion:
    names = [name for name in ["ada", "alan", "grace"] if name.startswith(argument.value)]
    return Completion(values=names, total=len(names), has_more=False)


async def serve_handshake_only() -> None:
    """As `run` would, without the door to 2026-07-28; and it says that its tools may change."""
    inner = server._lowlevel_server
    told = NotificationOptions(tools_changed=True)
    async with stdio_server() as (read, write), inner.lifespan(inner) as state:
        await serve_loop(
            inner,
            read,
            write,
            lifespan_state=state,
            init_options=inner.create_initialization_options(told),
        )


if __name__ == "__main__":
    era: Literal["dual", "handshake"] = sys.argv[1]
    if era == "dual":
        server.run("stdio")
    else:
        assert era == "handshake", era
        anyio.run(serve_handshake_only)

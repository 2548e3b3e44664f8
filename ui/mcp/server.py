"""The MCP server: lists the tools, runs their jobs, tells how far they are."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Receive, Scope, Send

from backend.contracts.errors import LoomError
from backend.contracts.events import JobStatus
from backend.contracts.version import VERSION
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from backend.recipes.metadata import write_png
from ui.jobs.sentences import sentence
from ui.jobs.state import ENDED
from ui.mcp import tools

POLL_S = 0.2
MAX_BODY_BYTES = 40_000_000  # pictures travel in it
INSTRUCTIONS = (
    "A studio that draws pictures by diffusion. Each tool runs one mode and answers with its "
    "pictures; list_models says what may be named. Pictures are sent and answered as base64."
)


def server(engine: Engine) -> Server[Any]:
    """The tools of a studio.

    The caller of each request stands in its HTTP state, put there by whoever let it in.
    """

    async def listed(_: ServerRequestContext[Any, Any], params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=name,
                    description=tools.about(name),
                    input_schema=tools.schema(name),
                    annotations=types.ToolAnnotations(
                        read_only_hint=True, destructive_hint=False, open_world_hint=False
                    ),
                )
                for name in tools.names()
            ]
        )

    async def called(
        context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        try:
            if params.name not in tools.names():
                known = ", ".join(tools.names())
                return _said(f"There is no tool '{params.name[:80]}'; there are: {known}.", True)
            if params.name == tools.LISTS:
                library = await asyncio.to_thread(lambda: engine.library(refresh=True))
                return _said(json.dumps(tools.lists(library)))
            wanted = await asyncio.to_thread(tools.request, params.name, params.arguments or {})
            assert context.request is not None, "the only way in is over HTTP"
            owner = context.request.state.caller.owner
            token = await asyncio.to_thread(ask, engine, wanted, owner)
            return await asyncio.to_thread(_result, await _ended(engine, token, context))
        except LoomError as error:
            return _said(str(error), True)
        except Exception as error:  # a failure of ours is a sentence too
            return _said(sentence(error), True)

    return Server(
        "Latent Loom",
        version=VERSION,
        instructions=INSTRUCTIONS,
        on_list_tools=listed,
        on_call_tool=called,
    )


class Door:
    """The server behind HTTP; what it needs of an event loop begins with the first request.

    Args:
        engine: Draws.
    """

    def __init__(self, engine: Engine) -> None:
        self._manager = StreamableHTTPSessionManager(
            server(engine),
            stateless=True,
            max_request_body_size=MAX_BODY_BYTES,
            # The guard before this checks Host and Origin.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._running: asyncio.Task[None] | None = None
        self._begun: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] != "http":
            return
        if self._running is None or self._begun is None:
            self._begun = asyncio.Event()
            self._running = asyncio.create_task(self._run(self._begun))
        await self._begun.wait()
        await self._manager.handle_request(scope, receive, send)

    async def _run(self, begun: asyncio.Event) -> None:
        """Its tasks belong to this one, which lasts as long as the loop."""
        async with self._manager.run():
            begun.set()
            await asyncio.Event().wait()


async def _ended(engine: Engine, token: str, context: ServerRequestContext[Any, Any]) -> JobStatus:
    """The job once it has ended; a client that cancels stops it."""
    told = -1
    try:
        while (status := engine.status(token)).state not in ENDED:
            engine.touch(token)
            progress = status.progress
            if progress.total and progress.step > told:
                told = progress.step
                await context.session.report_progress(told, progress.total, progress.stage)
            await asyncio.sleep(POLL_S)
    finally:
        engine.cancel(token)  # of no effect on a job that has ended
    return status


def _result(status: JobStatus) -> types.CallToolResult:
    if not status.outputs:
        return _said(status.error or "The job was stopped.", True)
    records = [
        {"seed": one.record.settings.get("seed"), "settings": one.record.settings}
        for one in status.outputs
    ]
    told = {"state": status.state, "pictures": records}
    content: list[types.ContentBlock] = [
        types.ImageContent(
            data=base64.b64encode(write_png(one.image, one.record)).decode(), mime_type="image/png"
        )
        for one in status.outputs
    ]
    content.append(types.TextContent(text=json.dumps(told)))
    return types.CallToolResult(content=content)


def _said(text: str, refused: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=refused)

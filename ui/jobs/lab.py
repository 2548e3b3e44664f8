"""The Lab over plain routes. What answers lies in `ui.lab`, imported with the first question.

Its jobs are followed, shown and stopped like all others, by whoever holds their token.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ui.jobs.asked import MAX_ID_CHARS
from ui.jobs.pictures import served
from ui.jobs.sentences import sentence
from ui.server.bundle import Script
from ui.server.foreign import as_dict
from ui.server.studio import Studio

_FRESH = {"Cache-Control": "no-store"}
Sent = dict[str, Any]


def lab_routes(studio: Studio, page: Script) -> list[BaseRoute]:
    """Routes below the page's own.

    Args:
        studio: What the panels work with.
        page: The page's script, which the Lab's builds on.
    """

    async def about(asked: Asked) -> Response:
        """{"script", "style", "panels"}."""
        from ui.lab import desk

        return _json(await asyncio.to_thread(desk.about, page))

    async def file(asked: Asked) -> Response:
        """The script or the style sheet."""
        from ui.lab import desk

        name = asked.path_params["name"]
        found = next((one for one in desk.files(page) if one.name == name), None)
        if found is None:
            return _json({"error": "The Lab has changed; reload the page."}, 404)
        return served(asked, found.content, found.kind)

    async def fitting(asked: Asked) -> Response:
        """?model=: why panels have no use for it, by key; "" where they have."""
        from ui.lab import desk

        model = asked.query_params.get("model", "")
        return await _told(asyncio.to_thread(desk.fitting, studio, model))

    async def begin(asked: Asked) -> Response:
        """What a panel's press asks for: {"job"}."""
        from ui.lab import desk

        panel, what = asked.path_params["panel"], asked.path_params["what"]

        def make(sent: Sent, owner: str) -> Awaitable[Sent]:
            return desk.begin(studio, panel, what, sent, owner)

        return await _answered(asked, make)

    async def tell(asked: Asked) -> Response:
        """What a panel wants to know at once."""
        from ui.lab import desk

        panel, what = asked.path_params["panel"], asked.path_params["what"]

        def make(sent: Sent, owner: str) -> Awaitable[Sent]:
            return desk.tell(studio, panel, what, sent)

        return await _answered(asked, make)

    async def data(asked: Asked) -> Response:
        """All that a job has told, as a JSON file."""
        from ui.lab import desk

        return await _told(asyncio.to_thread(desk.data, studio, asked.path_params["job"]))

    return [
        Route("/lab", about),
        Route("/lab/files/{name}", file),
        Route("/lab/fitting", fitting),
        Route("/lab/data/{job}", data),
        Route("/lab/{panel}/tell/{what}", tell, methods=["POST"]),
        Route("/lab/{panel}/{what}", begin, methods=["POST"]),
    ]


async def _answered(asked: Asked, make: Callable[[Sent, str], Awaitable[Sent]]) -> Response:
    """An answer to what was sent, or {"error"} with a sentence."""
    try:
        sent = as_dict(json.loads(await asked.body()))
    except ValueError:
        return _json({"error": "The form did not arrive whole; reload the page."}, 400)
    owner = str(asked.state.owner or str(sent.get("page", ""))[:MAX_ID_CHARS])
    return await _told(make(sent, owner))


async def _told(answer: Awaitable[Sent]) -> Response:
    try:
        return _json(await answer)
    except Exception as error:
        return _json({"error": sentence(error)})


def _json(content: Sent, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_FRESH)

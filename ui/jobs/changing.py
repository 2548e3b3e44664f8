"""A run that goes on with what its tab's form says now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backend.contracts.errors import BadInput
from backend.engine.jobs.protocol import Engine
from ui.jobs.asked import Desk, remedy
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict


def changing(engine: Engine, desks: Mapping[str, Desk]) -> Callable[[Request], Awaitable[Response]]:
    """The route for the changes of a running job, for whoever holds its token.

    Args:
        engine: Runs the job.
        desks: By mode; read what a tab's components say.
    """

    async def change(request: Request) -> Response:
        """{"mode", "values"} of a tab -> {} or {"error"}; only its live fields are looked at."""
        desk = None
        try:
            sent = as_dict(await _json(request))
            desk = desks.get(str(sent.get("mode", "")))
            if desk is None:
                raise BadInput("There is no such tab; reload the page.")
            values = await asyncio.to_thread(desk.live, as_dict(sent.get("values")))
            await asyncio.to_thread(engine.change, request.path_params["job"], values)
        except Exception as error:
            said = {"error": sentence(error), **remedy(error, desk)}
            return JSONResponse(said, headers={"Cache-Control": "no-store"})
        return JSONResponse({}, headers={"Cache-Control": "no-store"})

    return change


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise BadInput("The form did not arrive whole; reload the page.") from None

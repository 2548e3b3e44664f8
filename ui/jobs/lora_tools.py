"""The LoRA tab's tools over plain routes: the pad, the picture at a point of it, the footprint.

Each begins a job; whoever holds its unguessable token follows its states and pictures like any
other's, and stops it.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from backend.contracts.errors import BadInput
from backend.contracts.requests import Request
from backend.contracts.settings import LoraMixSettings, parse
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from backend.resolve.prompt_loras import take_loras
from ui.jobs.asked import MAX_ID_CHARS, Desk
from ui.jobs.pictures import chosen
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict

Sent = dict[str, Any]
_FRESH = {"Cache-Control": "no-store"}


def lora_tool_routes(engine: Engine, desks: Mapping[str, Desk]) -> list[BaseRoute]:
    """Routes below the page's own.

    Args:
        engine: Runs the jobs; it may still be starting.
        desks: By mode; the LoRA tab's reads the values that its pad is made of.
    """

    async def pad(sent: Sent, job: str, owner: str) -> Sent:
        """{"values", "page"}: {"job", "loras"}."""
        asked = await desks[LoraMixSettings.mode].request(as_dict(sent.get("values")))
        settings = LoraPadSettings.of(take_loras(asked.settings))
        wanted = Request(settings, save=False)
        return {
            "job": await asyncio.to_thread(ask, engine, wanted, owner, background=True),
            "loras": [{"name": use.name, "weight": use.weight} for use in settings.loras],
        }

    async def point(sent: Sent, job: str, owner: str) -> Sent:
        """{"x", "y", "page"}, each 0 to 1: {"job"} of the picture there, with all steps."""
        x, y = _share(sent.get("x")), _share(sent.get("y"))
        status = await asyncio.to_thread(engine.status, job)
        recipe = status.info.get("settings")
        if recipe is None:
            raise BadInput("The pad has only just begun; try again in a moment.")
        exact = LoraPadSettings.model_validate(recipe).exact(x, y)
        return {"job": await asyncio.to_thread(ask, engine, Request(exact, save=False), owner)}

    async def footprint(sent: Sent, job: str, owner: str) -> Sent:
        """{"job", "image", "page"}: {"job"} of that picture's footprint."""
        output = await asyncio.to_thread(chosen, engine, sent.get("job"), sent.get("image"))
        if output is None:
            raise BadInput("There is no picture yet; generate one with LoRAs or regions first.")
        settings = FootprintSettings.of(parse(LoraMixSettings.mode, output.record.settings))
        wanted = Request(settings, save=False)
        return {"job": await asyncio.to_thread(ask, engine, wanted, owner, background=True)}

    return [
        Route("/pads", _answering(pad), methods=["POST"]),
        Route("/pads/{job}/point", _answering(point), methods=["POST"]),
        Route("/footprints", _answering(footprint), methods=["POST"]),
    ]


def _answering(
    begun: Callable[[Sent, str, str], Awaitable[Sent]],
) -> Callable[[Asked], Awaitable[Response]]:
    """An answer with what was begun, or {"error"} with a sentence."""

    async def answer(asked: Asked) -> Response:
        try:
            sent = as_dict(json.loads(await asked.body()))
        except ValueError:
            return _json({"error": "The form did not arrive whole; reload the page."}, 400)
        owner = str(asked.state.owner or str(sent.get("page", ""))[:MAX_ID_CHARS])
        try:
            return _json(await begun(sent, str(asked.path_params.get("job", "")), owner))
        except Exception as error:
            return _json({"error": sentence(error)})

    return answer


def _share(sent: Any) -> float:
    number = isinstance(sent, (int, float)) and not isinstance(sent, bool)
    if not (number and math.isfinite(sent) and 0 <= sent <= 1):
        raise BadInput("A point of the pad lies between 0 and 1.")
    return float(sent)


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_FRESH)

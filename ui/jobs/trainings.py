"""Trainings over plain routes: one begins as a job like any other; here it says what it learned.

Whoever holds the job's unguessable token follows its states, and stops it, as those of pictures.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from backend.contracts.errors import BadInput
from backend.contracts.fields import title_of
from backend.contracts.requests import TrainDigitsRequest, Training, TrainLoraRequest
from backend.contracts.settings.train_digits import parse_digits
from backend.contracts.settings.train_lora import TrainLoraSettings, parse_training
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from backend.storage.audit import Audit
from ui.jobs.asked import MAX_ID_CHARS
from ui.jobs.people import needing
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict
from ui.server.training_files import read_training

TEXTS = ("resolution", "min_snr_gamma", "validation_every")  # numbers that may be left out
_FRESH = {"Cache-Control": "no-store"}


def training_routes(engine: Engine, audit: Audit | None = None) -> list[BaseRoute]:
    """Routes below the page's own: one begins a training, the other says what it has learned.

    Args:
        engine: Runs it.
        audit: Where it is noted who has begun one.
    """

    async def begin(request: Request) -> Response:
        """{"values", "pictures", "resume", "page"}: {"job"}, or {"error"} with a sentence."""
        return await begun(request, _lora)

    async def begin_digits(request: Request) -> Response:
        """{"values", "resume", "page"}: {"job"}, or {"error"} with a sentence."""
        return await begun(request, _digits)

    async def begun(request: Request, make: Callable[[dict[str, Any]], Training]) -> Response:
        try:
            sent = as_dict(json.loads(await request.body()))
        except ValueError:
            return _json({"error": "The form did not arrive whole; reload the page."}, 400)
        owner = str(request.state.owner or str(sent.get("page", ""))[:MAX_ID_CHARS])
        try:
            return _json({"job": await asyncio.to_thread(_begun, engine, sent, owner, make)})
        except Exception as error:
            return _json({"error": sentence(error)})

    async def learned(request: Request) -> Response:
        """{"name", "losses", "validated", "lora" or "model"} as they are; 404 with the reason."""
        try:
            status = await asyncio.to_thread(engine.status, request.path_params["job"])
        except Exception as error:
            return _json({"error": sentence(error)}, 404)
        return _json(as_dict(status.info.get("training")))

    return [
        Route("/trainings", needing("owner", begin, audit, "began a training"), methods=["POST"]),
        Route(
            "/trainings/digits",
            needing("owner", begin_digits, audit, "began a training"),
            methods=["POST"],
        ),
        Route("/trainings/{job}", learned),
    ]


def _begun(
    engine: Engine, sent: dict[str, Any], owner: str, make: Callable[[dict[str, Any]], Training]
) -> str:
    return ask(engine, make(sent), owner, background=True, lasting=True)


def _lora(sent: dict[str, Any]) -> TrainLoraRequest:
    values = as_dict(sent.get("values"))
    settings = parse_training(training_values(values) | {"resume": sent.get("resume") is True})
    return TrainLoraRequest(settings, read_training(sent.get("pictures")))


def _digits(sent: dict[str, Any]) -> TrainDigitsRequest:
    given = as_dict(sent.get("values"))
    values = {name: value for name, value in given.items() if value not in (None, "")}
    return TrainDigitsRequest(parse_digits(values | {"resume": sent.get("resume") is True}))


def training_values(raw: dict[str, Any]) -> dict[str, Any]:
    """The form's values, what was left empty left out.

    Raises:
        BadInput: A number is none.
    """
    values = {name: value for name, value in raw.items() if value not in (None, "")}
    for name in TEXTS:
        text = str(values.get(name, "")).strip()
        try:
            if text:
                values[name] = float(text)
        except ValueError:
            title = title_of(TrainLoraSettings, name)
            raise BadInput(f"{title} is a number, or empty.", name) from None
    return values


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_FRESH)

"""Pictures of models and LoRAs, as they lie beside their files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from backend.engine.jobs.protocol import Engine, PortraitKind
from ui.jobs.pictures import served
from ui.jobs.sentences import sentence

KINDS: Mapping[str, PortraitKind] = MappingProxyType({"model": "model", "lora": "lora"})


def portrait_routes(engine: Engine) -> list[BaseRoute]:
    """A route below the page's own: /portraits/{kind}?name=, a JPEG, or 404 with the reason."""

    async def portrait(request: Request) -> Response:
        kind = KINDS.get(request.path_params["kind"])
        name = request.query_params.get("name", "")
        found: bytes | None = None
        try:
            if kind is not None:
                found = await asyncio.to_thread(engine.portrait, kind, name)
        except Exception as error:
            return JSONResponse({"error": sentence(error)}, 404)
        if not found:
            return JSONResponse({"error": "There is no picture of it."}, 404)
        return served(request, found, "image/jpeg", lasting=False)  # it may be replaced

    return [Route("/portraits/{kind}", portrait)]

"""What an owner does to one of several devices: drains it, enables it, keeps it for a model."""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.contracts.errors import LoomError
from backend.engine.jobs.protocol import Engine
from backend.storage.audit import Audit
from ui.jobs.people import needing

_FRESH = {"Cache-Control": "no-store"}
DONE = {
    "drain": "drained a device",
    "enable": "enabled a device",
    "pin": "kept a device for a model",
}


def device_routes(engine: Engine, audit: Audit | None) -> list[Route]:
    """The routes, to stand beside those of the queue and of memory.

    Args:
        engine: Whose devices.
        audit: Where it is noted what owners do.
    """

    def act(what: str) -> Route:
        async def acting(request: Request) -> Response:
            """{} or {"error"}; ?model= is what a device is kept for, none ends that."""
            name = str(request.path_params["device"])
            pinned = request.query_params.get("model", "") if what == "pin" else None
            takes = None if what == "pin" else what == "enable"
            change = partial(engine.set_device, name, takes=takes, pinned=pinned)
            try:
                await asyncio.to_thread(change)
            except LoomError as error:
                return JSONResponse({"error": str(error)}, headers=_FRESH)
            if audit is not None:
                who = str(getattr(request.state, "user", None) or "this machine")
                audit.note(who, DONE[what], f"{name} {pinned or ''}".strip())
            return JSONResponse({}, headers=_FRESH)

        answer = needing("owner", acting)
        return Route(f"/devices/{{device}}/{what}", answer, methods=["POST"])

    return [act(what) for what in DONE]

"""Whether the studio answers, and whether it takes jobs: for whatever watches over it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from backend.engine.jobs.protocol import Engine

HEALTH, READY = "/healthz", "/readyz"


def health_routes(engine: Engine) -> Sequence[Route]:
    """`/healthz` and `/readyz`; they say nothing else, and ask nobody."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        try:
            figures = await asyncio.to_thread(engine.figures)
        except Exception:  # what kept the engine from starting is told by its log
            return PlainTextResponse("failed", 503)
        return PlainTextResponse("ready") if figures else PlainTextResponse("starting", 503)

    return [Route(HEALTH, healthz), Route(READY, readyz)]

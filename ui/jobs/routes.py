"""The routes under /loom: what the page's script asks for, behind the same guard and login.

Whoever holds a job's unguessable token may watch, stop and move it; nobody may list others' jobs.
Refusals that belong to ordinary use are answers with an "error"; a picture that is gone is a 404.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, Router

from backend.contracts.errors import BadInput, LoomError
from backend.contracts.requests import VideoRequest
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine, FrameKind
from backend.recipes.pictures import encoded
from backend.storage.audit import Audit
from ui.gradio_compat.login import SignedIn, sign_out
from ui.jobs.asked import Asked, Desk, Presses, submitted
from ui.jobs.changing import changing
from ui.jobs.devices import device_routes
from ui.jobs.people import needing
from ui.jobs.pictures import encode_jpeg, encode_png, served
from ui.jobs.saving import example
from ui.jobs.sentences import sentence
from ui.jobs.watch import MAX_WATCHED, events
from ui.server.bundle import Script
from ui.server.foreign import as_dict

PREFIX = "/loom"
POLL_S = 5.0
_FRESH = {"Cache-Control": "no-store"}

Answer = Callable[[Request], Awaitable[Response]]


def job_routes(
    engine: Engine,
    desks: Mapping[str, Desk],
    script: Script,
    further: Sequence[BaseRoute] = (),
    audit: Audit | None = None,
    key: bytes = b"",
) -> list[BaseRoute]:
    """The routes, to stand beside Gradio's.

    Args:
        engine: Runs the jobs.
        desks: By mode; make requests of what tabs send.
        script: Of the page; served to everybody, as the login page names it too.
        further: Routes that stand beside the jobs' own.
        audit: Where it is noted what owners do to everybody's queue and memory.
        key: Makes a job's token of its press, the same after a restart; one is drawn without.
    """
    presses = Presses(key=key) if key else Presses()
    device: dict[str, str] = {}  # told once: a library is much to ask for with every look

    async def submit(request: Request) -> Response:
        """One press of Generate, Branch or Draw: {"job", "words"} or {"error"}."""
        try:
            asked = Asked.read(await request.json())
        except (ValueError, BadInput) as error:
            return _json({"error": sentence(_as_bad(error))})
        owner = str(request.state.owner or asked.page)
        press = f"{request.state.owner}/{asked.press}"
        made = presses.answer(
            press, lambda: submitted(engine, desks, asked, owner, presses.token(press))
        )
        return _json(await made)

    async def named(request: Request) -> Response:
        """What a file would be called under the page's way of saving: {"name"} or {"error"}."""
        try:
            return _json({"name": example(as_dict(await request.json()), datetime.now())})
        except (ValueError, BadInput) as error:
            return _json({"error": sentence(_as_bad(error))})

    async def watch(request: Request) -> Response:
        """States of ?jobs=a,b as they change, as an event stream."""
        tokens = [job for job in request.query_params.get("jobs", "").split(",") if job]
        stream = events(engine, tokens[:MAX_WATCHED], request.is_disconnected)
        headers = {**_FRESH, "X-Accel-Buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def memory(request: Request) -> Response:
        """What is loaded, and on which device."""
        return _json(await asyncio.to_thread(_memory, engine, device))

    async def free(request: Request) -> Response:
        """Lets idle models go."""
        return _json({"freed": await asyncio.to_thread(engine.free_memory)})

    async def queue(request: Request) -> Response:
        """Whether the queue is paused."""
        return _json({"paused": await asyncio.to_thread(lambda: engine.paused)})

    async def code(request: Request) -> Response:
        return served(request, script.content, "text/javascript")

    async def stop_all(request: Request) -> Response:
        """Stops everybody's jobs: {"stopped"}."""
        return _json({"stopped": await asyncio.to_thread(engine.cancel_all)})

    hold, go_on = _pausing(engine, on=True), _pausing(engine, on=False)

    def owners(did: str, answer: Answer) -> Answer:
        return needing("owner", answer, audit, did)

    inside = Router(
        [
            Route("/jobs", submit, methods=["POST"]),
            Route("/jobs/events", watch),
            Route("/saving", named, methods=["POST"]),
            Route("/jobs/{job}/cancel", _acting(engine.cancel), methods=["POST"]),
            Route("/jobs/{job}/skip/{part:int}", _skip(engine), methods=["POST"]),
            Route("/jobs/{job}/change", changing(engine, desks), methods=["POST"]),
            Route("/jobs/{job}/pause", _acting(engine.pause_job), methods=["POST"]),
            Route("/jobs/{job}/resume", _resume(engine), methods=["POST"]),
            Route("/jobs/{job}/promote", _acting(engine.promote), methods=["POST"]),
            Route("/jobs/{job}/retry", _retry(engine), methods=["POST"]),
            Route("/jobs/{job}/keep", _acting(partial(engine.keep, on=True)), methods=["POST"]),
            Route("/jobs/{job}/leave", _acting(partial(engine.keep, on=False)), methods=["POST"]),
            Route("/queue", queue),
            Route("/queue/pause", owners("paused the queue", hold), methods=["POST"]),
            Route("/queue/resume", owners("let the queue go on", go_on), methods=["POST"]),
            Route("/queue/stop", owners("stopped everybody's jobs", stop_all), methods=["POST"]),
            Route("/jobs/{job}/preview", _preview(engine)),
            Route("/jobs/{job}/timeline/{step:int}", _frame(engine)),
            Route("/jobs/{job}/video", _video(engine), methods=["POST"]),
            Route("/jobs/{job}/file", _file(engine)),
            Route("/jobs/{job}/pictures/{image:int}", _picture(engine)),
            Route("/jobs/{job}/pictures/{image:int}/{view}", _view(engine)),
            Route("/memory", memory),
            Route("/memory/free", owners("freed memory", free), methods=["POST"]),
            *device_routes(engine, audit),
            Route("/sign-out", sign_out, methods=["POST"]),
            *further,
        ]
    )
    return [
        Route(f"{PREFIX}/{script.name}", code),
        Mount(PREFIX, SignedIn(inside)),
    ]


def _skip(engine: Engine) -> Answer:
    async def skip(request: Request) -> Response:
        """Passes over one run of a job of several: {} or {"error"}."""
        asked = request.path_params
        try:
            await asyncio.to_thread(engine.skip, asked["job"], asked["part"])
        except LoomError as error:
            return _json({"error": str(error)})
        return _json({})

    return skip


def _resume(engine: Engine) -> Answer:
    async def resume(request: Request) -> Response:
        """Lets a resting job go on, from ?step=, for ?steps=: {} or {"error"}."""
        asked = request.query_params
        step = _whole(asked["step"]) if "step" in asked else None
        steps = max(1, _whole(asked["steps"])) if "steps" in asked else None
        go_on = partial(engine.resume_job, request.path_params["job"], step=step, steps=steps)
        try:
            await asyncio.to_thread(go_on)
        except LoomError as error:
            return _json({"error": str(error)})
        return _json({})

    return resume


def _retry(engine: Engine) -> Answer:
    async def retry(request: Request) -> Response:
        """Asks for an ended job once more: {"job"} or {"error"}."""
        try:
            token = await asyncio.to_thread(engine.retry, request.path_params["job"])
        except Exception as error:
            return _json({"error": sentence(error)})
        return _json({"job": token})

    return retry


def _pausing(engine: Engine, *, on: bool) -> Answer:
    async def pause(request: Request) -> Response:
        """Holds the queue, or lets it go on: {"paused"}."""
        await asyncio.to_thread(engine.pause, on)
        return _json({"paused": on})

    return pause


def _preview(engine: Engine) -> Answer:
    async def preview(request: Request) -> Response:
        """The newest frame above ?after=, a JPEG; 204 where none came in time."""
        job, after = request.path_params["job"], _whole(request.query_params.get("after"))
        try:
            await asyncio.to_thread(engine.touch, job)  # the engine may still be starting
            frame = await engine.next_preview(job, after, POLL_S)
        except LoomError as error:
            return _json({"error": str(error)})
        if frame is None:
            return Response(status_code=204, headers=_FRESH)
        told = {
            "Loom-Revision": str(frame.revision),
            "Loom-Step": str(frame.step),
            "Loom-Total": str(frame.total),
            "Loom-Final": str(int(frame.final)),
        }
        return Response(frame.jpeg, media_type="image/jpeg", headers=_FRESH | told)

    return preview


def _frame(engine: Engine) -> Answer:
    def made(request: Request) -> tuple[bytes, str]:
        asked = request.path_params
        kind: FrameKind = "xt" if request.query_params.get("kind") == "xt" else "x0"
        image = _whole(request.query_params.get("image"))
        pixels = engine.timeline_frame(asked["job"], asked["step"], kind, image)
        return encode_jpeg(pixels), "image/jpeg"

    return _serving(made, lasting=False)  # it may come in full size later


def _video(engine: Engine) -> Answer:
    async def video(request: Request) -> Response:
        """Begins the run's video, a job of its own whose file is asked for once it is done."""
        image = _whole(request.query_params.get("image"))
        wanted = VideoRequest(request.path_params["job"], image)
        try:
            return _json({"job": await asyncio.to_thread(ask, engine, wanted)})
        except Exception as error:
            return _json({"error": sentence(error)})

    return video


def _file(engine: Engine) -> Answer:
    def made(request: Request) -> tuple[bytes, str]:
        file = engine.file(request.path_params["job"])
        if file is None:
            raise BadInput("That file is not made yet, or no longer kept.")
        return file.content, file.kind

    return _serving(made)


def _picture(engine: Engine) -> Answer:
    def made(request: Request) -> tuple[bytes, str]:
        # By its own number: a grid's cells come in another order, a training's have their step.
        index: int = request.path_params["image"]
        outputs = engine.results(request.path_params["job"])
        output = next((one for one in outputs if one.index == index), None)
        if output is None:
            raise BadInput("That picture is no longer kept; generate again.")
        file = encoded(output.image, output.record)
        return file.content, file.kind

    return _serving(made)


def _view(engine: Engine) -> Answer:
    def made(request: Request) -> tuple[bytes, str]:
        asked = request.path_params
        outputs, index, name = engine.results(asked["job"]), int(asked["image"]), str(asked["view"])
        if index >= len(outputs) or name not in outputs[index].views:
            raise BadInput("That view is no longer kept; generate again.")
        return encode_png(outputs[index].views[name]), "image/png"

    return _serving(made)


def _serving(made: Callable[[Request], tuple[bytes, str]], *, lasting: bool = True) -> Answer:
    """An answer with a file that is made in a thread, or 404 with the reason."""

    async def answer(request: Request) -> Response:
        try:
            content, kind = await asyncio.to_thread(made, request)
        except Exception as error:
            return _json({"error": sentence(error)}, 404)
        return served(request, content, kind, lasting=lasting)

    return answer


def _acting(act: Callable[[str], None]) -> Answer:
    async def answer(request: Request) -> Response:
        try:
            await asyncio.to_thread(act, request.path_params["job"])
        except LoomError as error:
            return _json({"error": str(error)})
        return _json({})

    return answer


def _memory(engine: Engine, device: dict[str, str]) -> dict[str, Any]:
    if not device:
        library = engine.library()
        device |= {"device": library.device, "dtype": library.dtype}
    return asdict(engine.memory()) | device


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_FRESH)


def _as_bad(error: Exception) -> Exception:
    broken = isinstance(error, json.JSONDecodeError | UnicodeDecodeError)
    return BadInput("The form did not arrive whole; reload the page.") if broken else error


def _whole(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0

"""From job states to what the stage shows; the one place where failures become sentences."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backend.contracts.errors import LoomError
from backend.contracts.events import JobStatus, Output
from backend.contracts.requests import Request
from backend.contracts.settings import XyzGridSettings
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from backend.recipes.metadata import write_png

LOG = logging.getLogger(__name__)
STATUS_EVERY_S = 0.2
ENDED = ("done", "stopped", "failed")
# What a mode tells of the run as a whole, beside its pictures.
TOLD = (
    "distances",
    "ppl",
    "pdv",
    "distance",
    "compatibility",
    "reconstruction",
    "notes",
    "times_s",
    "sample_forwards",
)


def sentence(error: BaseException) -> str:
    """What a person is told of a failure; the cause of an unexpected one goes to the log."""
    if isinstance(error, LoomError):
        return str(error)
    LOG.error("internal error", exc_info=error)
    return "Something went wrong inside; the log has the details. Please try again."


def failed(error: BaseException) -> dict[str, Any]:
    """The stage's state after a failure before there was a job."""
    return {"state": "failed", "message": sentence(error), "job": None}


def state_of(status: JobStatus) -> dict[str, Any]:
    """A job's status as the stage's state: numbers, tokens and short texts."""
    progress = status.progress
    state: str = status.state
    if state == "running" and progress.stage == "loading":
        state = "loading"
    return {
        "job": status.token,
        "state": state,
        "position": status.position,
        "stage": progress.stage,
        "step": progress.step,
        "total": progress.total,
        "elapsed": status.info.get("elapsed_s", progress.elapsed_s),
        "eta": progress.eta_s,
        "note": progress.note,
        "message": status.error or "",
        "results": [result_of(output) for output in status.outputs],
        "timeline": {"steps": status.timeline.steps} if status.timeline else None,
        "told": _told(status),
    }


def _told(status: JobStatus) -> dict[str, Any]:
    told = {key: status.info[key] for key in TOLD if key in status.info}
    settings = status.info.get("settings", {})
    return told | {key: settings[key] for key in ("fps", "ping_pong") if key in settings}


def result_of(output: Output) -> dict[str, Any]:
    """One finished picture: served from the outputs folder, or carried along if not saved."""
    height, width = output.image.shape[:2]
    seed = output.record.settings.get("seed")
    if output.path:
        url, name = file_url(Path(output.path)), Path(output.path).name
    else:
        url = data_uri(write_png(output.image, output.record), "image/png")
        name = f"latent-loom-{seed}.png"
    return {
        "url": url,
        "name": name,
        "seed": seed,
        "width": width,
        "height": height,
        "label": label_of(output),
        "sheet": output.record.mode == XyzGridSettings.mode,
        "views": list(output.views),
        "obedience": output.record.extra.get("obedience"),
    }


def label_of(output: Output) -> str:
    """What sets a picture apart from its neighbours: its LoRAs, or where it started from."""
    if compared := output.record.extra.get("compared"):
        return str(compared)
    extra, strength = output.record.extra, output.record.settings.get("strength")
    if strength is None or "sigma" not in extra:
        return ""
    steps = extra["steps"]
    label = (
        f"strength {strength:g} · σ {extra['sigma']:.2f} · "
        f"{steps} {'step' if steps == 1 else 'steps'}"
    )
    if inversion := extra.get("inversion"):
        label += f" · inverted, gives the picture back at {inversion['psnr']:.1f} dB"
    return label


def data_uri(content: bytes, kind: str) -> str:
    """Bytes as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def file_url(path: Path) -> str:
    """Where Gradio serves a file of an allowed folder, relative to the page."""
    return "gradio_api/file=" + quote(str(path))


async def observe(engine: Engine, token: str) -> AsyncGenerator[dict[str, Any], None]:
    """Yields a job's state every `STATUS_EVERY_S` until it has ended.

    Only observes: when the watcher goes away, the job is detached and has its grace period.
    """
    ended = False
    try:
        while not ended:
            status = await asyncio.to_thread(engine.status, token)  # it may still be starting
            ended = status.state in ENDED
            engine.touch(token)
            yield state_of(status)
            if not ended:
                await asyncio.sleep(STATUS_EVERY_S)
    finally:
        if not ended:
            engine.detach(token)


async def run(engine: Engine, request: Request, owner: str) -> AsyncGenerator[dict[str, Any], None]:
    """Submits a request and observes it; every failure becomes a state."""
    try:
        token = await asyncio.to_thread(ask, engine, request, owner)
        async with aclosing(observe(engine, token)) as states:
            async for state in states:
                yield state
    except Exception as error:
        yield failed(error)

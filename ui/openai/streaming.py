"""Pictures as they form: previews as partial images, and then the picture itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from backend.contracts.errors import LoomError
from backend.contracts.requests import Request
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from ui.jobs.state import ENDED
from ui.openai import answers
from ui.openai.payloads import Prompted
from ui.openai.waiting import whole

WAIT_S = 0.25


def line(event: dict[str, Any]) -> str:
    """An event as it is sent."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


async def events(
    engine: Engine, owner: str, sent: Prompted, several: Sequence[Request], first: str
) -> AsyncIterator[dict[str, Any]]:
    """The events of a request, one picture after the other.

    Args:
        engine: Draws.
        owner: Whose jobs they are.
        sent: What was asked for.
        several: A request for each picture.
        first: The first one's job, which is queued already.
    """
    token = first
    try:
        for number, request in enumerate(several):
            if number:
                token = await asyncio.to_thread(ask, engine, request, owner)
            async for event in _picture(engine, token, sent):
                yield event
    except LoomError as failure:
        body = answers.error(str(failure), "server_error", None, "generation_failed")
        yield {"type": "error", **body}
    finally:
        engine.cancel(token)  # of no effect on a job that has ended


async def _picture(engine: Engine, token: str, sent: Prompted) -> AsyncIterator[dict[str, Any]]:
    revision = shown = 0
    while (status := engine.status(token)).state not in ENDED:
        engine.touch(token)
        if shown >= sent.partial_images:
            await asyncio.sleep(WAIT_S)
            continue
        preview = await engine.next_preview(token, revision, WAIT_S)
        if preview is None:
            await asyncio.sleep(0)
            continue
        revision = preview.revision
        # The first of three comes after a quarter of the steps, the last after three.
        if preview.final or preview.step * (sent.partial_images + 1) < preview.total * (shown + 1):
            continue
        data = await asyncio.to_thread(
            answers.previewed, preview.jpeg, sent.output_format, sent.output_compression
        )
        size = answers.size_of(data)
        yield {
            "type": f"{sent.event}.partial_image",
            "b64_json": answers.coded(data),
            "partial_image_index": shown,
            **_told(sent, *size),
        }
        shown += 1
    output = whole(status).outputs[0]
    height, width = output.image.shape[:2]
    data = await asyncio.to_thread(
        answers.encoded, output, sent.output_format, sent.output_compression
    )
    yield {
        "type": f"{sent.event}.completed",
        "b64_json": answers.coded(data),
        **_told(sent, width, height),
    }


def _told(sent: Prompted, width: int, height: int) -> dict[str, Any]:
    """`created_at` is what a stream calls `created`."""
    told = answers.about(sent, width, height)
    return {"created_at": told.pop("created"), **told}

"""Verifying on the page: a picture's recipe is run again and held against the picture."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Pixels
from backend.engine.jobs.asking import ask
from backend.recipes.metadata import write_png
from backend.recipes.verify import Original, open_original, request_for
from ui.gradio_compat.event_data import given, told
from ui.gradio_compat.login import owner_of
from ui.gradio_compat.untyped import event
from ui.jobs.pictures import png_uri
from ui.jobs.sentences import sentence
from ui.jobs.state import ENDED
from ui.jobs.verifying import outcome, watch
from ui.page.send import chosen
from ui.page.workspace import Workspace
from ui.server.studio import Studio
from ui.server.uploads import MAX_PICTURE_BYTES, read_upload

GONE = "That picture is no longer kept here; drop its file on the page to verify it."


def content_of(studio: Studio, asked: dict[str, Any]) -> bytes:
    """The PNG that the page names: a result, one of the history, or a dropped file.

    Args:
        studio: Its engine and storage are asked.
        asked: {"job", "image"}, {"name"} or {"path"}.

    Raises:
        LoomError: It is not there.
    """
    if isinstance(asked.get("name"), str):
        return studio.storage.checked(Path(asked["name"])).read_bytes()
    if isinstance(asked.get("path"), str):
        return read_upload(asked["path"], MAX_PICTURE_BYTES)
    output = chosen(studio.engine, asked.get("job"), asked.get("image"))
    if output is None:
        raise BadInput(GONE)
    return write_png(output.image, output.record)


def connect_verify(
    studio: Studio, panel: gr.HTML, sources: list[Any], spaces: list[Workspace]
) -> None:
    """Wires every "verify" event to the panel that shows how it goes.

    Args:
        studio: Runs the recipe.
        panel: Takes the states.
        sources: Components whose script triggers "verify" beside the stages.
        spaces: Their pictures are the ones at hand.
    """
    by_mode = {space.tab.mode: space for space in spaces}
    options: dict[str, Any] = {
        "outputs": panel,
        "preprocess": False,
        "show_progress": "hidden",
        "concurrency_limit": None,
        "trigger_mode": "multiple",
        "api_visibility": "private",
    }
    for space in spaces:
        event(space.stage, "verify")(
            _verify(studio, by_mode), inputs_kwargs=_pictures([space]), **options
        )
    for source in sources:
        event(source, "verify")(
            _verify(studio, by_mode), inputs_kwargs=_pictures(spaces), **options
        )

    def stop(evt: gr.EventData) -> None:
        studio.engine.cancel(str(given(evt, "job", "")))

    event(panel, "stop")(stop, queue=False, show_progress="hidden", api_visibility="private")


def _pictures(spaces: list[Workspace]) -> dict[str, Component]:
    return {
        f"{space.tab.mode}/{name}": part
        for space in spaces
        for name, part in space.pictures.items()
    }


def _verify(studio: Studio, spaces: dict[str, Workspace]) -> Callable[..., Any]:
    async def verify_picture(
        evt: gr.EventData, request: gr.Request, **raw: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        asked = told(evt)
        said: dict[str, Any] = {"ask": asked.get("ask"), "state": "queued", "job": None}
        token, last = None, None
        try:
            content = await asyncio.to_thread(content_of, studio, asked)
            original = await asyncio.to_thread(open_original, content)
            images = await asyncio.to_thread(_at_hand, spaces, original, raw)
            wanted = request_for(original, images)
            token = await asyncio.to_thread(ask, studio.engine, wanted, owner_of(request))
            async with aclosing(watch(studio.engine, token)) as states:
                async for status in states:
                    last = status
                    yield said | _progress(status)
            if last is not None:
                yield said | await asyncio.to_thread(_ended, original, last)
        except Exception as error:
            yield said | {"state": "failed", "message": sentence(error)}
        finally:
            if token is not None:
                studio.engine.cancel(token)  # of no effect on a job that has ended

    return verify_picture


def _at_hand(
    spaces: dict[str, Workspace], original: Original, raw: dict[str, Any]
) -> dict[str, Pixels]:
    """The input pictures that lie in the tab of the recipe's mode."""
    mode = getattr(original.settings, "base_mode", original.record.mode)
    space = spaces.get(mode)
    if space is None or not all(f"{mode}/{name}" in raw for name in space.pictures):
        return {}
    return space.tab.pixels({name: raw[f"{mode}/{name}"] for name in space.pictures})


def _progress(status: JobStatus) -> dict[str, Any]:
    progress = status.progress
    state = "running" if status.state in ENDED else status.state
    return {
        "state": state,
        "job": status.token,
        "position": status.position,
        "step": progress.step,
        "total": progress.total,
        "note": progress.note,
    }


def _ended(original: Original, status: JobStatus) -> dict[str, Any]:
    told, now = outcome(original, status)
    return {
        "state": "done",
        "job": status.token,
        "report": told,
        "then": png_uri(original.image),
        "now": png_uri(now.image),
    }

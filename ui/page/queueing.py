"""Jobs that wait: Generate adds one while another runs, and the stage follows them in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import gradio as gr

from backend.contracts.errors import LoomError
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from ui.page.carrying import carried, unpacked
from ui.page.header import Header, notes
from ui.page.stream import observe, sentence
from ui.page.workspace import Workspace, given, owner_of

WORDS_CHARS = 80


def connect_queue(engine: Engine, top: Header, spaces: list[Workspace]) -> None:
    """Wires the Generate button of every tab for the time while a job runs."""
    for space in spaces:
        carried(
            space.actions.enqueue,
            _enqueue(engine, space),
            space.form.parts | space.pictures,
            top.notices,
            concurrency_limit=None,
        )
        space.actions.follow(
            _follow(engine),
            outputs=[space.stage, space.kept_job],
            show_progress="hidden",
            concurrency_limit=None,
            api_visibility="private",
            trigger_mode="multiple",
        )


def words_of(prompt: str, mode: str) -> str:
    """A job's line in the list: the prompt's first words, or its mode."""
    words = " ".join(prompt.split())
    short = words if len(words) <= WORDS_CHARS else words[: WORDS_CHARS - 1] + "…"
    return short or mode.replace("_", " ")


def _enqueue(engine: Engine, space: Workspace) -> Callable[..., Any]:
    async def enqueue(sent: Any, request: gr.Request) -> dict[str, Any]:
        try:
            wanted = await space.request(unpacked(sent)[0])
            token = await asyncio.to_thread(ask, engine, wanted, owner_of(request))
        except Exception as error:
            return notes(sentence(error), kind="warn")
        mode = wanted.settings.mode
        return notes(
            queued={"job": token, "mode": mode, "words": words_of(wanted.settings.prompt, mode)}
        )

    return enqueue


def _follow(engine: Engine) -> Callable[..., Any]:
    async def follow(evt: gr.EventData) -> AsyncGenerator[tuple[Any, Any], None]:
        job = str(given(evt, "job", ""))[:200]
        kept = job
        try:
            async with aclosing(observe(engine, job)) as states:
                async for state in states:
                    yield state, kept
                    kept = gr.skip()
        except LoomError:
            return  # forgotten meanwhile: its pictures are in the history

    return follow

"""The endpoint /verify: a PNG's recipe is run again and the result held against the PNG."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from backend.contracts.settings import MODES
from backend.engine.jobs.asking import ask
from backend.recipes.verify import open_original, request_for
from ui.api.parts import refusal, report, signed
from ui.gradio_compat.login import owner_of
from ui.jobs.state import ENDED
from ui.jobs.verifying import outcome, watch
from ui.server.studio import Studio
from ui.server.uploads import MAX_PICTURE_BYTES, read_pictures, read_upload

PICTURES = tuple(dict.fromkeys(name for cls in MODES.values() for name in cls.pictures))


def verify_endpoint(studio: Studio) -> Callable[..., Any]:
    """Builds the endpoint: the file, and the input pictures of every mode by name."""

    async def verify(
        request: gr.Request, file: Any, *values: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Runs the recipe of a PNG again and says how far the result is from the PNG.

        Returns verdict, equal, largest_difference (0-255), equal_share (0-1), sizes, what has
        changed in versions, device and weights, what the record does not say, and notes. Pictures
        that the recipe began with are given beside it.
        """
        engine, token, last = studio.engine, None, None
        try:
            content = await asyncio.to_thread(read_upload, file, MAX_PICTURE_BYTES)
            original = await asyncio.to_thread(open_original, content)
            sent = dict(zip(PICTURES, values, strict=True))
            wanted = request_for(original, await asyncio.to_thread(read_pictures, sent))
            owner = owner_of(request)
            token = await asyncio.to_thread(ask, engine, wanted, owner)
            async with aclosing(watch(engine, token)) as states:
                async for status in states:
                    last = status
                    if status.state not in ENDED:
                        yield report(status)
            assert last is not None  # a job has at least one state
            told, now = await asyncio.to_thread(outcome, original, last)
            yield {
                **told,
                "job": token,
                "mode": original.record.mode,
                "model": now.record.model,
                "elapsed_s": last.info.get("elapsed_s"),
            }
        except Exception as error:
            raise refusal(error) from None
        finally:
            if token is not None:
                engine.cancel(token)  # of no effect on a job that has ended

    fields = {"file": (FileData, inspect.Parameter.empty)}
    fields |= {name: (FileData | None, None) for name in PICTURES}
    return signed(verify, fields, dict[str, Any])

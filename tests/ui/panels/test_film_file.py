"""What moves, handed to the page as one file."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from PIL import Image

from backend.contracts.events import Output, Record
from backend.contracts.settings import ClipSettings
from backend.engine.jobs.protocol import Engine
from ui.panels.film_file import film_file


def engine(mode: str, count: int = 3) -> Engine:
    """Knows the one job "job"."""
    settings = ClipSettings.model_validate({"fps": 10}).model_dump(mode="json")
    record = Record(mode, settings, {"name": "a", "hash": "0"})
    frames = [Output(i, np.full((8, 8, 3), 60 * i, np.uint8), record) for i in range(count)]
    held: Any = SimpleNamespace(results=lambda job: frames if job == "job" else [])
    return cast(Engine, held)


def test_the_frames_come_in_the_format_asked_for() -> None:
    got = film_file(engine("clip"), "clip")({"job": "job", "format": "gif"})
    assert got["name"] == "clip.gif"
    kind, content = got["src"].split(",", 1)
    assert kind == "data:image/gif;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as gif:
        assert getattr(gif, "n_frames", 1) == 3


def test_what_cannot_be_given_is_a_sentence() -> None:
    ask = film_file(engine("clip"), "clip")
    assert "Choose one of: mp4, gif" in ask({"job": "job", "format": "exe"})["error"]
    assert "no longer kept" in ask({"job": "other", "format": "gif"})["error"]
    assert (
        "no longer kept"
        in film_file(engine("morph"), "clip")({"job": "job", "format": "gif"})["error"]
    )
    assert "error" in ask(None)

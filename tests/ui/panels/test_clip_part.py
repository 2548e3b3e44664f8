"""What is shown of an uploaded clip, and the part that its handles say."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from gradio.utils import get_upload_folder

from tests.pictures.clips import films
from ui.panels.clip_part import chosen_part, clip_part, glance


def test_a_clip_is_shown_at_a_glance() -> None:
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=get_upload_folder())) / "a.gif"
    path.write_bytes(films.animation(films.frames(5)))
    told = glance({"path": str(path)})
    assert (told["every"], told["count"], told["most"]) == (1, 5, 300)
    assert len(told["frames"]) == 5
    assert told["frames"][0].startswith("data:image/jpeg;base64,")
    path.write_bytes(b"no clip")
    assert "no clip that can be read" in glance({"path": str(path)})["text"]
    assert glance(None) == {}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"first": 2, "last": 7}, [2, 7]),
        ({"first": 0, "last": -1}, [0, -1]),
        ({"first": -5, "last": 10**12}, [0, 10_000_000]),
        ({"first": "2", "last": 7}, [0, -1]),
        ({}, [0, -1]),
    ],
)
def test_the_handles_say_a_part(said: dict[str, Any], meant: list[int]) -> None:
    assert chosen_part(said) == meant


def test_it_stands_in_the_page_by_a_script_of_ours() -> None:
    assert "mountClipPart" in str(clip_part().js_on_load)

"""The morph's panel asks for what an end should look like; what is not there is a sentence."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import UnknownName
from ui.panels.morph import morph_panel

ENDS = [np.full((4, 6, 3), shade, np.uint8) for shade in (10, 200)]


def end_picture(asked: Any) -> dict[str, Any]:
    def results(job: str) -> tuple[Any, ...]:
        if job != "known":
            raise UnknownName("That job is not known.")
        views: list[dict[str, Any]] = [{"end": ENDS[0]}, {}, {"end": ENDS[1]}]
        return tuple(SimpleNamespace(views=view) for view in views)

    studio: Any = SimpleNamespace(engine=SimpleNamespace(results=results))
    panel: Any = morph_panel(studio)
    return panel.end_picture(asked)


@pytest.mark.parametrize("end", [0, 1])
def test_an_end_is_the_picture_beside_which_its_frame_is_shown(end: int) -> None:
    kind, _, content = end_picture({"job": "known", "end": end})["src"].partition(",")
    assert kind == "data:image/png;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    assert np.array_equal(shown, ENDS[end])


def test_an_end_that_was_words_has_none() -> None:
    assert end_picture({"job": "known", "end": 2}) == {}


@pytest.mark.parametrize("asked", [{"job": "other"}, {}, None, {"job": "known", "end": "x"}])
def test_what_is_not_there_is_a_sentence(asked: Any) -> None:
    assert end_picture(asked)["error"]

"""How results are saved: sent beside a press, and kept to."""

from __future__ import annotations

from datetime import datetime

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Request
from backend.contracts.settings import LoraUse, Txt2ImgSettings
from ui.jobs.saving import SAVING, example, with_saving

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000)
ASKED = Request(Txt2ImgSettings(prompt="a", seed=3, loras=(LoraUse(name="ink"),)))


def test_only_how_results_are_saved_is_taken() -> None:
    made = with_saving(ASKED, {"save_format": "jpeg", "save": False, "prompt": "b"}).settings
    assert (made.save_format, made.save, made.prompt) == ("jpeg", False, "a")
    assert made.loras == ASKED.settings.loras
    assert with_saving(ASKED, {}) is ASKED
    assert set(SAVING) == {"save", "save_format", "save_quality", "save_name", "source_name"}


def test_what_is_out_of_range_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        with_saving(ASKED, {"save_quality": 101})
    assert caught.value.field == "save_quality"


def test_an_example_of_the_name() -> None:
    assert example({}, NOON) == "120000-250_0000000007_00.png"
    told = {"save_name": "[prompt] [seed]", "save_format": "webp"}
    assert example(told, NOON) == "a red house in snow 7.webp"
    with pytest.raises(BadInput, match="stands for nothing"):
        example({"save_name": "[nothing]"}, NOON)

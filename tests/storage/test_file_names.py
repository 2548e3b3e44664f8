"""Names of results' files: made of a pattern, and plain names whatever is in it."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.contracts.events import Record
from backend.storage.file_names import MAX_STEM_BYTES, stem

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000)


def record(**settings: Any) -> Record:
    return Record("txt2img", {"seed": 7} | settings, {"name": "pocket"})


def named(pattern: str, index: int = 0, **settings: Any) -> str:
    return stem(record(save_name=pattern, **settings), NOON, index)


def test_without_a_pattern_it_is_time_seed_and_index() -> None:
    assert stem(record(), NOON, 3) == "120000-250_0000000007_03"


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("[date] [seed]", "2026-11-21 7"),
        ("[model]_[steps]_[Sampler]", "pocket_20_euler"),
        ("[mode]-[width]x[height]-[guidance]", "txt2img-192x128-4.5"),
        ("[prompt]", "a red house, snow_"),
        ("[index]-[time]", "00-120000-250"),
        ("Bild ü 写真", "Bild ü 写真"),
        ("CON", "_CON"),
        ("nul.seed", "_nul.seed"),
        ("...", "120000-250_0000000007"),
    ],
)
def test_words_stand_for_what_is_known(pattern: str, name: str) -> None:
    told: dict[str, Any] = {"steps": 20, "sampler": "euler", "guidance_scale": 4.5}
    told |= {"width": 192, "height": 128, "prompt": "a red house, snow?"}
    assert named(pattern, **told) == name


def test_the_same_name_is_counted_on_where_the_pattern_does_not() -> None:
    assert [named("[seed]", index) for index in range(3)] == ["7", "7_01", "7_02"]
    assert [named("[index]-[seed]", index) for index in range(2)] == ["00-7", "01-7"]
    long = "[prompt] [prompt] [prompt] [index]"
    assert len({named(long, index, prompt="x" * 200) for index in range(3)}) == 3


@given(st.text(max_size=200), st.text(max_size=300), st.text(max_size=80))
def test_whatever_is_in_it_it_is_one_plain_name(pattern: str, prompt: str, model: str) -> None:
    told = Record(
        "txt2img", {"seed": 1, "save_name": pattern, "prompt": prompt}, {"name": f"../{model}"}
    )
    for wanted in (pattern, f"{pattern}[prompt]", f"[model]{pattern}"):
        told.settings["save_name"] = wanted
        made = stem(told, NOON, 1)
        assert made
        assert not made.startswith((".", " "))
        assert PurePosixPath(made).name == PureWindowsPath(made).name == made
        assert not set(made) & set('<>:"|?*\0\n\r\t‮')
        assert len(made.encode()) <= MAX_STEM_BYTES + len("_01")

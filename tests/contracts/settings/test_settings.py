"""The table of modes follows from what files declare."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import MODES, declared, parse

DECLARED = """
from typing import ClassVar
from backend.contracts.settings import Settings, Txt2ImgSettings

class {name}(Txt2ImgSettings):
    mode: ClassVar[str] = "{mode}"
    place: ClassVar[int] = {place}

class Stage({name}):
    mode: ClassVar[str] = "stage of {mode}"
"""


def package(folder: Path, name: str, files: dict[str, str]) -> list[str]:
    there = folder / name
    there.mkdir()
    for file, source in {"__init__": "", **files}.items():
        (there / f"{file}.py").write_text(source)
    return [str(there)]


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("declaring")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_they_stand_in_the_order_of_their_places() -> None:
    assert list(MODES)[:2] == ["txt2img", "img2img"]
    assert list(MODES)[-1] == "xyz_grid"
    places = [kind.place for kind in MODES.values()]
    assert places == sorted(set(places))
    assert "hires" not in MODES  # a stage is no mode


def test_a_file_adds_one(importable: Path) -> None:
    files = {
        "late": DECLARED.format(name="Late", mode="late", place=9),
        "early": DECLARED.format(name="Early", mode="early", place=3),
        "tool": "from backend.contracts.settings import Txt2ImgSettings as Taken\n",
    }
    folders = package(importable, "declaring_a", files)
    assert list(declared(folders, "declaring_a")) == ["early", "late"]


def test_two_of_one_name_are_a_mistake(importable: Path) -> None:
    files = {
        name: DECLARED.format(name=name.title(), mode="same", place=place)
        for place, name in enumerate(("one", "other"), start=1)
    }
    folders = package(importable, "declaring_b", files)
    with pytest.raises(ValueError, match="one name"):
        declared(folders, "declaring_b")


def test_a_mode_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(BadInput, match="There is no mode 'paint'; choose one of: txt2img, img2img"):
        parse("paint", {})

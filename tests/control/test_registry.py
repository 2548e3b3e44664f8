from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from backend.contracts.errors import UnknownName
from backend.contracts.settings import DetectorName
from backend.control.canny import Canny
from backend.control.identity import Identity
from backend.control.learned import Learned, LearnedName
from backend.control.registry import ENTRIES, build, entry


def test_the_menu_lists_what_the_settings_accept() -> None:
    assert {line.name for line in ENTRIES} == set(get_args(DetectorName))
    assert len(ENTRIES) == len(get_args(DetectorName))


@pytest.mark.parametrize("name", get_args(DetectorName))
def test_each_is_built_as_a_frozen_and_hashable_value(name: DetectorName) -> None:
    detector = build(name)
    assert detector == build(name)
    assert hash(detector) == hash(build(name))
    assert dataclasses.is_dataclass(detector)


def test_the_parameters_arrive() -> None:
    assert build("canny", canny_low=20, canny_high=60) == Canny(20, 60)
    assert build("identity") == Identity()
    assert build("openpose") == Learned("openpose")


def test_exactly_the_learned_ones_download() -> None:
    assert {line.name for line in ENTRIES if line.downloads} == set(get_args(LearnedName))


@pytest.mark.parametrize("line", ENTRIES, ids=lambda line: line.name)
def test_each_line_can_be_shown(line) -> None:
    assert line.hint.endswith(".")
    assert 3 < len(line.title) < 30
    assert entry(line.name) is line


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownName, match="choose one of: canny"):
        build("sobel")  # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        entry("sobel")  # type: ignore[arg-type]

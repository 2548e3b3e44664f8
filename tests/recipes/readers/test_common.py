"""What readers of foreign records share."""

from __future__ import annotations

import math
from typing import Any

import pytest

from backend.recipes.readers.common import (
    MAX_JSON_CHARS,
    json_object,
    list_of,
    object_of,
    objects_in,
    stem,
    text_of,
)


@pytest.mark.parametrize(
    "text", [None, "", "[1]", "7", '"a"', "{", '{"a": 1', "a house", "{" + " " * MAX_JSON_CHARS]
)
def test_what_is_no_object_is_none(text: str | None) -> None:
    assert json_object(text) is None


def test_an_object_may_stand_after_spaces_and_hold_nan() -> None:
    found = json_object(' \n{"a": [1, NaN]}')
    assert found is not None
    assert found["a"][0] == 1
    assert math.isnan(found["a"][1])
    assert json_object("{" * 100_000) is None  # too deep to be read


@pytest.mark.parametrize("value", [None, 7, "a", {"a": 1}, (1, 2)])
def test_only_an_array_is_a_list(value: Any) -> None:
    assert list_of(value) == []
    assert list_of([value]) == [value]


def test_of_an_array_its_objects_are_taken() -> None:
    assert objects_in([{"a": 1}, 7, None, {}, ["b"]]) == [{"a": 1}, {}]
    assert objects_in({"a": 1}) == []
    assert object_of({"a": 1}) == {"a": 1}
    assert object_of([]) is None
    assert text_of("a") == "a"
    assert text_of(7) is None


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("sd15.safetensors", "sd15"),
        ("old\\v1.5.ckpt", "old/v1.5"),
        ("styles/ink.pt", "styles/ink"),
        ("v1.5", "v1.5"),
        ("flux.sft", "flux"),
    ],
)
def test_a_files_name_loses_its_kind_and_keeps_its_folders(name: str, plain: str) -> None:
    assert stem(name) == plain

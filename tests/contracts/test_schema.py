"""Versions of settings documents: forward by pure steps, strict JSON, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.schema import SCHEMA, loads, migrate


def renamed(document: dict[str, Any]) -> dict[str, Any]:
    return {("b" if key == "a" else key): value for key, value in document.items()}


def doubled(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"b": 2 * document["b"]}


def test_steps_follow_each_other_and_leave_the_argument_alone() -> None:
    document = {"schema": 1, "a": 3}
    assert migrate(document, {1: renamed, 2: doubled}, 3) == {"schema": 3, "b": 6}
    assert document == {"schema": 1, "a": 3}


def test_the_current_version_stays_as_it_is() -> None:
    document = {"schema": SCHEMA, "anything": [1]}
    assert migrate(document) == document


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "does not say"),
        ({"schema": True}, "does not say"),
        ({"schema": "1"}, "does not say"),
        ({"schema": -1}, "does not say"),
        ({"schema": 9}, "newer version"),
        ({"schema": 0}, "too old"),
    ],
)
def test_other_versions_are_refused_with_the_reason(document: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        migrate(document, {1: renamed}, 2)
    assert refused.value.field == "schema"


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": Infinity}', '{"a": 1, "a": 2}', "[1]", "7", "{", "[" * 100_000]
)
def test_only_strict_json_objects_are_read(text: str) -> None:
    with pytest.raises(BadInput):
        loads(text)


def test_bytes_and_text_are_read_alike() -> None:
    assert loads('{"ü": [1, null]}') == loads('{"ü": [1, null]}'.encode()) == {"ü": [1, None]}

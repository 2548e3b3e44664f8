"""Versions of settings documents: forward by pure steps, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.resolve.migrations import MIGRATIONS, SCHEMA, migrate


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


def test_migrations_lead_step_by_step_to_the_present() -> None:
    assert set(MIGRATIONS) == set(range(1, SCHEMA))


def test_a_step_may_build_on_what_the_one_before_made() -> None:
    old = {"schema": 1, "settings": {"cfg": 3}}
    steps = {
        1: lambda d: {**d, "settings": {"guidance": d["settings"]["cfg"]}},
        2: lambda d: {**d, "settings": {"guidance_scale": d["settings"]["guidance"]}},
    }
    assert migrate(old, steps, current=3) == {"schema": 3, "settings": {"guidance_scale": 3}}
    assert old == {"schema": 1, "settings": {"cfg": 3}}

"""Settings of a training from nothing."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings.train_digits import parse_digits


def test_a_name_is_all_it_needs() -> None:
    settings = parse_digits({"name": "digits"})
    assert (settings.minutes, settings.width, settings.steps, settings.model) == (5.0, 10, None, "")
    assert settings.fixed == parse_digits({"name": "other", "minutes": 9}).fixed
    assert settings.fixed != parse_digits({"name": "digits", "seed": 1}).fixed


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Give the model a name."),
        ({"name": ""}, "Give the model a name."),
        ({"name": "a/b"}, "a name becomes a file"),
        ({"name": "a", "width": 7}, "multiple of 2"),
        ({"name": "a", "width": 64}, "less than or equal to 32"),
        ({"name": "a", "minutes": 0}, "greater than or equal to"),
        ({"name": "a", "minutes": float("nan")}, "finite"),
        ({"name": "a", "pictures": 3}, "not permitted"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse_digits(values)

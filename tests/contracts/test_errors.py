"""Errors that may reach a person's screen."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput, Cancelled, Fix, LoomError, Unwatched, short


def test_bad_input_names_its_field_and_what_would_do() -> None:
    fix = Fix("Switch to DDIM", {"sampler": "ddim"})
    error = BadInput("Only DDIM inverts; choose it.", "sampler", fix)
    assert isinstance(error, LoomError)
    assert (str(error), error.field, error.fix) == ("Only DDIM inverts; choose it.", "sampler", fix)
    plain = BadInput("The file is empty.")
    assert (plain.field, plain.fix) == (None, None)


def test_a_job_that_nobody_watched_counts_as_stopped() -> None:
    with pytest.raises(Cancelled):
        raise Unwatched("Nobody watched it.")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a  b\n c\t", "a b c"),
        (7, "7"),
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 119 + "…"),
        ("x\n" * 10**6, "x " * 59 + "x…"),
    ],
)
def test_what_a_stranger_wrote_is_quoted_on_a_line(text: object, shown: str) -> None:
    assert short(text) == shown

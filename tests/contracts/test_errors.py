"""Errors that may reach a person's screen."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput, Cancelled, Fix, LoomError, Unwatched, short, told


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


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (FileNotFoundError(2, "No such file", "/srv/models/x"), "no such file"),
        (OSError("No file a.bin found in /srv/my models/x."), "No file a.bin found in x."),
        (RuntimeError("I/O error: '/srv/a/b' and '/srv/c/d'"), "I/O error: 'd'"),
        (RuntimeError("C:\\Users\\ada\\x is gone"), "x is gone"),
        (RuntimeError("/srv/data/x"), "x"),
        (ValueError("see https://a.b/c and 3/4"), "see https://a.b/c and 3/4"),
        (ValueError("one\ntwo"), "one"),
        (ValueError(), ""),
        (ValueError(" " * 5000 + "/srv/x"), ""),
        (ValueError("/" * 10**6), "…"),
    ],
)  # fmt: skip
def test_what_a_library_says_tells_no_path(error: Exception, shown: str) -> None:
    assert told(error) == shown

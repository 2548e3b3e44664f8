"""Whose a job is."""

from __future__ import annotations

import pytest

from backend.engine.jobs.owners import account_of, person_of


@pytest.mark.parametrize(
    ("owner", "person"),
    [
        ("@ada/3f2a", "ada"),
        ("sdapi/@ada+word/of/hers", "ada"),
        ("sdapi/@ada@10.0.0.1", "ada"),
        ("key/@ada/7c01", "ada"),
        ("loom/3f2a", ""),  # a name that all share: each session is somebody
        ("sdapi/loom+word", ""),
        ("sdapi/loom@10.0.0.1", ""),
        ("made-up-by-a-browser", ""),
        ("", ""),
    ],
)
def test_a_person_stands_behind_an_owner(owner: str, person: str) -> None:
    assert person_of(owner) == person
    assert account_of(owner) == (person or owner)

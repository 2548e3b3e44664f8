"""Whose a job is."""

from __future__ import annotations

import pytest

from backend.engine.jobs.owners import account_of, maker_of, person_of
from backend.storage.makers import NOBODY, Maker


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


@pytest.mark.parametrize("owner", ["", "made-up-by-a-browser", "sdapi/+word", "sdapi/+@127.0.0.1"])
def test_a_picture_is_nobodys_where_nobody_logs_in(owner: str) -> None:
    assert maker_of(owner) == NOBODY


def test_a_picture_is_a_sessions_and_the_accounts_behind_it() -> None:
    assert maker_of("@ada/3f2a") == Maker("@ada/3f2a", "ada")
    assert maker_of("loom/3f2a") == Maker("loom/3f2a", "")
    assert maker_of("sdapi/loom@10.0.0.1") == Maker("sdapi/loom@10.0.0.1", "")

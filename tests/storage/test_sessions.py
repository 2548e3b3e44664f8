"""Login sessions last over a restart, hashed, until something ends them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from backend.storage.sessions import KEPT_S, MAX_SESSIONS, Sessions


class Book:
    """Epochs of accounts, and a clock."""

    def __init__(self) -> None:
        self.epochs: dict[str, str] = {"ada": "1", "bob": "1"}
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sessions(self, folder: Path) -> Sessions:
        return Sessions(folder / "sessions.json", self.epochs.get, self.clock)


@pytest.fixture
def book() -> Book:
    return Book()


def test_a_session_lasts_over_a_restart_and_its_token_is_not_kept(
    book: Book, tmp_path: Path
) -> None:
    book.sessions(tmp_path).open("the token", "ada")
    path = tmp_path / "sessions.json"
    assert "the token" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = book.sessions(tmp_path)
    assert again.find("the token") == "ada"
    assert again.find("another") is None


def test_one_is_ended_and_the_others_stay(book: Book, tmp_path: Path) -> None:
    sessions = book.sessions(tmp_path)
    for token, name in (("a1", "ada"), ("a2", "ada"), ("b", "bob")):
        sessions.open(token, name)
    sessions.close("a1")
    assert [book.sessions(tmp_path).find(token) for token in ("a1", "a2", "b")] == [
        None,
        "ada",
        "bob",
    ]
    assert sessions.count("ada") == 1
    sessions.close_all("ada")
    assert [sessions.find(token) for token in ("a2", "b")] == [None, "bob"]


def test_an_epoch_an_age_and_an_end_of_the_account_end_it(book: Book, tmp_path: Path) -> None:
    sessions = book.sessions(tmp_path)
    sessions.open("a", "ada")
    sessions.open("b", "bob")
    sessions.open("nobody", "carl")
    assert sessions.find("nobody") is None
    book.epochs["ada"] = "2"
    assert sessions.find("a") is None
    book.now += KEPT_S + 1
    assert sessions.find("b") is None
    assert book.sessions(tmp_path).count("bob") == 0


def test_they_are_bounded_and_a_damaged_file_is_no_end(book: Book, tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text("{damaged")
    sessions = book.sessions(tmp_path)
    sessions._save = lambda: None  # type: ignore[method-assign]
    for number in range(MAX_SESSIONS + 2):
        sessions.open(str(number), "ada")
    assert sessions.count("ada") == MAX_SESSIONS
    assert sessions.find("0") is None

"""Who may come in, by which kind of list."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backend.storage import accounts as module
from backend.storage.accounts import Accounts
from ui.server.doors import REMEMBERED_S, Doors, Person

SECRET = "a long secret"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def person(doors: Doors, name: str, password: str) -> Person | None:
    return asyncio.run(doors.person(name, password))


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    made = Accounts(tmp_path / "accounts.json")
    made.add("ada", SECRET, "guest")
    return made


def test_one_name_and_password_are_an_owners() -> None:
    doors = Doors(("ann", "pässwörd"))
    assert doors.asks
    assert person(doors, "ann", "pässwörd") == Person("ann", "owner")
    assert person(doors, "ann", "no") is person(doors, "bob", "pässwörd") is None
    assert doors.epoch("ann") != Doors(("ann", "another")).epoch("ann")
    assert doors.epoch("ann") == Doors(("ann", "pässwörd")).epoch("ann")
    assert doors.epoch("bob") is None
    assert doors.holder("loom_x_y") is None


def test_without_a_list_nobody_is_asked() -> None:
    doors = Doors()
    assert not doors.asks
    assert person(doors, "ann", "x") is None
    assert doors.role(None) == "owner"
    assert doors.epoch("ann") is None


def test_accounts_have_their_roles_and_keys(accounts: Accounts) -> None:
    doors = Doors(("ann", "old"), accounts)
    assert person(doors, "ada", SECRET) == Person("ada", "guest")
    assert person(doors, "ann", "old") is None  # the file alone
    assert (doors.role("ada"), doors.role("bob"), doors.role(None)) == ("guest", None, None)
    key, secret = accounts.make_key("ada", "mine", ("read",))
    assert doors.holder(secret) == (Person("ada", "guest"), key)
    accounts.suspend("ada")
    assert doors.epoch("ada") is doors.role("ada") is doors.holder(secret) is None


def test_a_scripts_password_is_hashed_once_in_a_while_and_not_after_it_changed(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = module._hashed
    monkeypatch.setattr(module, "_hashed", lambda p, s: (hashed.append(p), real(p, s))[1])
    clock = Clock()
    doors = Doors(accounts=accounts, clock=clock)
    for _ in range(5):
        assert person(doors, "ada", SECRET) is not None
    assert len(hashed) == 1
    assert person(doors, "ada", "wrong") is person(doors, "ada", "wrong") is None
    assert len(hashed) == 3
    clock.now += REMEMBERED_S + 1
    assert person(doors, "ada", SECRET) is not None
    assert len(hashed) == 4
    accounts.set_password("ada", SECRET + "2")
    assert person(doors, "ada", SECRET) is None

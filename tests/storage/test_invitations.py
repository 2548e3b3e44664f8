"""Invitations: one person each, until a time, and no secret in the file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.storage.accounts import Accounts
from backend.storage.invitations import MAX_HOURS, MAX_OPEN, invited

SECRET = "a long secret"


class Clock:
    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Accounts:
    made = Accounts(tmp_path / "accounts.json", clock)
    made.add("olga", SECRET, "owner")
    made.add("gus", SECRET, "guest")
    return made


def test_it_makes_one_account_and_then_is_over(accounts: Accounts, tmp_path: Path) -> None:
    made, secret = accounts.invite("member")
    assert secret not in (tmp_path / "accounts.json").read_text()
    assert [one.number for one in accounts.invitations()] == [made.number]
    came = accounts.accept(secret, "max", SECRET)
    assert (came.name, came.role) == ("max", "member")
    assert accounts.verify("max", SECRET) is not None
    for _ in range(2):
        with pytest.raises(BadInput, match="used, withdrawn, or is too old"):
            accounts.accept(secret, "eve", SECRET)
    assert accounts.get("eve") is None
    assert accounts.invitations() == []


def test_what_cannot_be_leaves_it_open(accounts: Accounts) -> None:
    _, secret = accounts.invite("guest")
    for name, password in (("olga", SECRET), ("Olga", SECRET), ("a b", SECRET), ("new", "short")):
        with pytest.raises(BadInput):
            accounts.accept(secret, name, password)
    assert accounts.accept(secret, "new", SECRET).role == "guest"


def test_it_ends_with_its_time_or_when_it_is_withdrawn(accounts: Accounts, clock: Clock) -> None:
    _, secret = accounts.invite(hours=1)
    made, other = accounts.invite(hours=1)
    accounts.withdraw(made.number)
    with pytest.raises(BadInput, match="no such invitation"):
        accounts.withdraw(made.number)
    for gone in (other, "guessed", ""):
        with pytest.raises(BadInput, match="ask for another"):
            accounts.invitation(gone)
    clock.now += 3599
    assert accounts.invitation(secret).role == "member"
    clock.now += 1
    with pytest.raises(BadInput, match="ask for another"):
        accounts.accept(secret, "late", SECRET)
    assert accounts.invitations() == []


def test_a_session_is_opened_for_guests_accounts_alone(accounts: Accounts) -> None:
    _, secret = accounts.invite(account="gus")
    for name in ("olga", "nobody"):
        with pytest.raises(BadInput):
            accounts.invite(account=name)
    assert accounts.accept(secret).name == "gus"
    _, left = accounts.invite(account="gus")
    accounts.remove("gus")
    with pytest.raises(BadInput, match="ask for another"):
        accounts.accept(left)


def test_of_many_at_once_one_comes_in(accounts: Accounts) -> None:
    _, secret = accounts.invite()

    def come(number: int) -> bool:
        try:
            accounts.accept(secret, f"one{number}", SECRET)
        except BadInput:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(come, range(4))) == 1
    assert len(accounts.all()) == 3


def test_how_many_and_how_long_is_bounded(accounts: Accounts, clock: Clock) -> None:
    for hours in (0, -1, MAX_HOURS + 1, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="lasts for up to"):
            invited("member", "", hours, clock())
    book = accounts._book()
    many = {f"{n}": invited("member", "", 1, clock())[0] for n in range(MAX_OPEN)}
    accounts._change(lambda _: type(book)(book.accounts, book.keys, many))
    with pytest.raises(BadInput, match="withdraw one first"):
        accounts.invite()
    clock.now += 3600
    accounts.invite()
    assert len(accounts.invitations()) == 1

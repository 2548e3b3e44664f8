"""Accounts: who may come in, who may not, and what ends what."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.storage import accounts as module
from backend.storage.accounts import HASHES_AT_ONCE, KEY_BEGINS, Accounts
from tests.ui.conftest import ROOT

SECRET = "a long secret"


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    made = Accounts(tmp_path / "accounts.json")
    made.add("ada", SECRET, "owner")
    return made


def test_the_right_password_lets_in_and_no_other(accounts: Accounts) -> None:
    found = accounts.verify("ada", SECRET)
    assert found is not None
    assert (found.name, found.role) == ("ada", "owner")
    for name, password in (("ada", SECRET + "x"), ("ada", ""), ("Ada", SECRET), ("bob", SECRET),
                           ("", ""), ("a" * 5000, SECRET), ("ada\0", SECRET)):  # fmt: skip
        assert accounts.verify(name, password) is None


def test_the_file_is_its_owners_and_holds_no_secret(accounts: Accounts, tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    _, key = accounts.make_key("ada", "a script")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert SECRET not in text
    assert key not in text
    assert key.rsplit("_", 1)[1] not in text


@pytest.mark.parametrize(
    "name", ["", "a b", "../x", "a+b", "a@b", "SDAPI", "key", "é", "-x", "x" * 65, "a\n"]
)
def test_names_that_would_deceive_are_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(BadInput, match="A name has"):
        accounts.add(name, SECRET)


def test_names_that_differ_in_case_are_one_and_passwords_have_a_length(accounts: Accounts) -> None:
    with pytest.raises(BadInput, match="already"):
        accounts.add("ADA", SECRET)
    with pytest.raises(BadInput, match="8 to"):
        accounts.add("bob", "short")
    with pytest.raises(BadInput, match="no account 'bob'"):
        accounts.set_password("bob", SECRET)


def test_a_new_password_a_suspension_and_a_removal_end_sessions_and_keys(
    accounts: Accounts,
) -> None:
    epochs = {accounts.get("ada").epoch}  # type: ignore[union-attr]
    _, key = accounts.make_key("ada", "a script")
    assert accounts.holder(key) is not None
    accounts.set_password("ada", SECRET + "2")
    assert accounts.holder(key) is None
    epochs.add(accounts.get("ada").epoch)  # type: ignore[union-attr]
    _, key = accounts.make_key("ada", "a script")
    accounts.suspend("ada")
    assert accounts.get("ada") is None
    assert accounts.verify("ada", SECRET + "2") is None
    assert accounts.holder(key) is None
    accounts.suspend("ada", False)
    assert accounts.verify("ada", SECRET + "2") is not None
    assert accounts.holder(key) is None
    epochs.add(accounts.get("ada").epoch)  # type: ignore[union-attr]
    assert len(epochs) == 3
    accounts.remove("ada")
    assert accounts.all() == []


def test_who_is_invited_takes_no_name_whose_pictures_may_be_there_still(
    accounts: Accounts, tmp_path: Path
) -> None:
    accounts.remove("ada")
    _, secret = accounts.invite("member")
    with pytest.raises(BadInput, match="somebody's before"):
        accounts.accept(secret, "ADA", SECRET)
    assert accounts.accept(secret, "eve", SECRET).name == "eve"
    accounts.add("ada", SECRET)  # who keeps the machine knows what they do
    assert accounts.get("ada") is not None


def test_keys_are_told_apart_taken_back_and_shown_once(accounts: Accounts) -> None:
    first, secret = accounts.make_key("ada", "one", ("read",))
    second, other = accounts.make_key("ada", "two")
    assert secret.startswith(KEY_BEGINS)
    found = accounts.holder(secret)
    assert found is not None
    assert found[1].scopes == ("read",)
    assert [key.name for key in accounts.keys("ada")] == ["one", "two"]
    for wrong in (
        "",
        KEY_BEGINS,
        secret[:-1],
        secret + "x",
        f"{KEY_BEGINS}{first.number}_x",
        other[:30],
    ):
        assert accounts.holder(wrong) is None
    accounts.add("bob", SECRET)
    with pytest.raises(BadInput, match="no such key"):
        accounts.take_back("bob", first.number)
    accounts.take_back("ada", first.number)
    assert accounts.holder(secret) is None
    assert accounts.holder(other) == (accounts.get("ada"), second)


def test_a_name_that_is_not_there_costs_the_same_hash(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    real = module._hashed
    monkeypatch.setattr(module, "_hashed", lambda p, s: (hashed.append(len(s)), real(p, s))[1])
    for name in ("ada", "nobody", "../x"):
        accounts.verify(name, "wrong password")
    assert hashed == [32] * 3


def test_two_hashes_run_at_once_and_no_more(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, lock = 0, 0, threading.Lock()
    gate = threading.Event()

    def slow(password: str, salt: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(0.1)
        with lock:
            running -= 1
        return "00"

    monkeypatch.setattr(module, "_hashed", slow)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: accounts.verify(f"n{n}", "x"), range(8)))
    assert most == HASHES_AT_ONCE


def test_another_process_changes_the_file_and_it_is_noticed(
    accounts: Accounts, tmp_path: Path
) -> None:
    assert accounts.verify("bob", SECRET) is None
    code = (
        "import sys; from pathlib import Path; from backend.storage.accounts import Accounts;"
        f"Accounts(Path(sys.argv[1])).add('bob', {SECRET!r}, 'guest')"
    )
    path = str(tmp_path / "accounts.json")
    subprocess.run([sys.executable, "-c", code, path], cwd=ROOT, check=True)
    found = accounts.verify("bob", SECRET)
    assert found is not None
    assert found.role == "guest"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1, "accounts": [{}], "keys": []}']
)
def test_a_damaged_file_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(text)
    with pytest.raises(BadInput, match="is damaged"):
        Accounts(path).all()

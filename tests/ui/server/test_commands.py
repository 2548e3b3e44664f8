"""The commands beside the studio: accounts, backups."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from backend.storage.accounts import Accounts
from backend.storage.audit import Audit
from ui.server.commands import run


def users(data: Path, *arguments: str) -> str:
    said = run(["users", *arguments, "--data", str(data)], data)
    assert said is not None
    return said


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    lines = io.StringIO("a long secret\nanother secret\n")
    monkeypatch.setattr("sys.stdin", lines)
    return lines


def test_what_is_no_command_is_left_to_the_studio(tmp_path: Path) -> None:
    assert run([], tmp_path) is None
    assert run(["--port", "1"], tmp_path) is None


def test_an_account_is_made_changed_and_ended(tmp_path: Path, typed: io.StringIO) -> None:
    assert "no account yet" in users(tmp_path, "list")
    assert users(tmp_path, "add", "ada", "--role", "owner") == "ada may log in, as owner."
    accounts = Accounts(tmp_path / "accounts.json")
    assert accounts.verify("ada", "a long secret") is not None
    assert "a new password" in users(tmp_path, "password", "ada")
    assert accounts.verify("ada", "another secret") is not None
    secret = users(tmp_path, "key", "ada", "--for", "nightly", "--scope", "read").split()[-1]
    found = accounts.holder(secret)
    assert found is not None
    assert found[1].scopes == ("read",)
    assert "nightly  read" in users(tmp_path, "keys", "ada")
    assert users(tmp_path, "list") == "ada  owner  1 keys"
    accounts.make_key("ada", "\x1b[2Jgone\n\x07")
    assert "  ?[2Jgone??  " in users(tmp_path, "keys", "ada")
    accounts.take_back("ada", accounts.keys("ada")[1].number)
    users(tmp_path, "take-back", "ada", found[1].number)
    assert users(tmp_path, "keys", "ada") == "ada has no key."
    users(tmp_path, "suspend", "ada")
    assert users(tmp_path, "list") == "ada  owner  suspended  0 keys"
    users(tmp_path, "resume", "ada")
    users(tmp_path, "role", "ada", "--role", "guest")
    assert accounts.get("ada").role == "guest"  # type: ignore[union-attr]
    users(tmp_path, "remove", "ada")
    assert accounts.all() == []
    done = [line["did"] for line in Audit(tmp_path / "audit.log").lines()]
    assert done[0] == "users add"
    assert done[-1] == "users remove"
    assert "a long secret" not in (tmp_path / "audit.log").read_text()
    assert secret not in (tmp_path / "audit.log").read_text()


def test_what_cannot_be_done_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no account 'bob'"):
        users(tmp_path, "remove", "bob")
    with pytest.raises(SystemExit, match="no backup that can be read"):
        run(["restore", str(tmp_path / "none.zip"), "--data", str(tmp_path)], tmp_path)
    with pytest.raises(SystemExit):
        run(["users"], tmp_path)


def test_a_backup_goes_and_comes_back(tmp_path: Path, typed: io.StringIO) -> None:
    users(tmp_path / "a", "add", "ada")
    file = tmp_path / "backup.zip"
    said = run(["backup", str(file), "--data", str(tmp_path / "a")], tmp_path)
    assert said == f"2 files were written to {file}."
    run(["restore", str(file), "--data", str(tmp_path / "b")], tmp_path)
    assert [one.name for one in Accounts(tmp_path / "b" / "accounts.json").all()] == ["ada"]

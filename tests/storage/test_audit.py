"""The audit log is only added to, is its owner's alone, and stops nobody."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from backend.storage import audit as module
from backend.storage.audit import Audit


def test_lines_are_added_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "data" / "audit.log"
    Audit(path, lambda: 0.0).note("ada", "paused the queue")
    Audit(path, lambda: 60.0).note("bob\n", "freed memory", 'a "name"\nwith a break')
    assert Audit(path).lines() == [
        {"at": "1970-01-01T00:00:00Z", "who": "ada", "did": "paused the queue", "what": ""},
        {"at": "1970-01-01T00:01:00Z", "who": "bob\n", "did": "freed memory",
         "what": 'a "name"\nwith a break'},
    ]  # fmt: skip
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    Audit(path).note("ada", "did")
    with path.open("a") as file:
        file.write('{"at": "cut')
    assert [line["who"] for line in Audit(path).lines()] == ["ada"]
    Audit(path).note("bob", "did")
    assert [line["who"] for line in Audit(path).lines()] == ["ada", "bob"], "the next is whole"
    assert Audit(tmp_path / "none").lines() == []


def test_it_begins_anew_when_it_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    path = tmp_path / "audit.log"
    Audit(path).note("ada", "first")
    Audit(path).note("ada", "second")
    assert [line["did"] for line in Audit(path).lines()] == ["second"]
    assert [line["did"] for line in Audit(tmp_path / "audit.log.1").lines()] == ["first"]


def test_where_it_cannot_be_written_the_programs_log_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    Audit(tmp_path / "file" / "audit.log").note("ada", "did it")
    assert "did it" in caplog.text

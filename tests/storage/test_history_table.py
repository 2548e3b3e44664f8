"""The table of past pictures: what stays when it is damaged, old, or may not be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.storage import history_table as module
from backend.storage.history_table import NAME, Query, Row, Table

ROW = Row("2026-11-21/a.png", (1, 2), "txt2img", "a boat", "a boat", "7", "pocket", ("ink",))


def names(table: Table) -> list[str]:
    return [one.name for one in table.find(Query(), 0, 9)[0]]


def test_another_form_is_made_anew_and_keeps_what_people_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(tmp_path)
    table.put([ROW])
    table.favour([ROW.name], True)
    assert table.find(Query(favourites=True), 0, 9)[0][0].loras == ("ink",)
    later = module.FORM + 1
    monkeypatch.setattr(module, "FORM", later)
    assert len(table.versions()) == 1, "a table that came beside it costs it nothing"
    monkeypatch.setattr(module, "FORM", later + 1)
    monkeypatch.setattr(module, "ANEW_BELOW", later + 1)
    assert table.versions() == {}
    table.put([ROW])
    assert table.find(Query(favourites=True), 0, 9)[1] == 1


def test_what_is_no_database_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"not a database, and long enough to be looked at" * 99)
    table = Table(tmp_path)
    table.put([ROW])
    assert names(table) == [ROW.name]
    assert (tmp_path / NAME).with_suffix(".damaged").is_file()


def test_a_folder_that_takes_nothing_has_its_table_elsewhere(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()  # no file can be opened there, whoever asks
    table = Table(tmp_path)
    table.put([ROW])
    assert names(table) == [ROW.name]


def test_files_that_say_nothing_are_known_and_not_found(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.put([ROW, Row("2026-11-21/b.png", (3, 4))])
    assert set(table.versions()) == {ROW.name, "2026-11-21/b.png"}
    assert names(table) == [ROW.name]
    table.put([], [ROW.name])
    assert names(table) == []


def test_deletions_are_told_by_their_time(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.deleted({"a": 10.0, "b": 20.0})
    assert table.deleted_before(15) == ["a"]
    table.deleted({"a": None})
    assert table.deleted_before(99) == ["b"]

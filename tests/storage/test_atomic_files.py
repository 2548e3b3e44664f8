"""Files are whole or not there: crashes, full disks, two writers."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from backend.storage.atomic_files import storage_problem, write_new, write_replacing


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.json"
    write_replacing(path, b"one")
    write_replacing(path, b"two")
    assert path.read_bytes() == b"two"
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]


def test_a_failed_replacement_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_replacing(path, b"one")

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="full"):
        write_replacing(path, b"two")
    assert path.read_bytes() == b"one"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_of_two_writers_one_gets_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_new(path, b"first")
    with pytest.raises(FileExistsError):
        write_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_a_disk_without_hard_links_works_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(source: object, target: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", unsupported)
    path = tmp_path / "a.png"
    write_new(path, b"first")
    with pytest.raises(FileExistsError):
        write_new(path, b"second")
    assert path.read_bytes() == b"first"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_new(tmp_path / "a.png", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o644


def test_a_file_in_the_place_of_the_folder_is_not_taken_for_the_name(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        write_new(tmp_path / "folder" / "a.png", b"x")


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "is full"), (errno.EROFS, "may not be written to"), (errno.EIO, "stored in")],
)
def test_a_failure_is_a_sentence_without_a_path(number: int, said: str) -> None:
    error = OSError(number, os.strerror(number), "/home/anna/outputs/1.png")
    told = str(storage_problem(error, "The picture", "the outputs folder"))
    assert said in told
    assert "the outputs folder" in told
    assert "/home" not in told

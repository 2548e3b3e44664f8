"""A data folder as one file, and back; a file that is no backup changes nothing."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.storage.backup import back_up, restore
from backend.storage.history_table import Table
from backend.storage.locks import InUse, hold
from backend.storage.makers import Maker


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name, content in {
        "outputs/2026-11-30/a.png": b"picture",
        "presets/sea.json": b"{}",
        "styles.csv": b"name,prompt",
        "accounts.json": b"secret hashes",
        "queue/jobs.sqlite": b"of a moment",
        "keys/signing.key": b"of a process",
        "outputs/2026-11-30/.writing-x": b"half",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "outputs" / "link.png").symlink_to("/etc/hostname")
    return folder


def test_what_is_a_persons_comes_back_and_nothing_else(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.zip"
    assert back_up(data, target) == 4
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    fresh = tmp_path / "fresh"
    assert restore(fresh, target) == 4
    found = {p.relative_to(fresh).as_posix() for p in fresh.rglob("*") if p.is_file()}
    assert found - {".in-use"} == {
        "outputs/2026-11-30/a.png",
        "presets/sea.json",
        "styles.csv",
        "accounts.json",
    }
    assert (fresh / "presets/sea.json").read_bytes() == b"{}"
    assert stat.S_IMODE((fresh / "accounts.json").stat().st_mode) == 0o600
    with pytest.raises(BadInput, match="exists already"):
        back_up(data, target)
    with pytest.raises(BadInput, match="nothing to keep"):
        back_up(tmp_path / "none", tmp_path / "other.zip")


@pytest.mark.parametrize(
    "name",
    ["../outside", "/etc/x", "outputs/../../x", "queue/jobs.sqlite", "outputs\\..\\x", "C:x"],
)
def test_a_file_that_names_others_is_refused_whole(tmp_path: Path, name: str) -> None:
    source = tmp_path / "evil.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("outputs/good.png", b"good")
        archive.writestr(name, b"evil")
    with pytest.raises(BadInput, match="no backup of a studio"):
        restore(tmp_path / "data", source)
    assert not (tmp_path / "data" / "outputs").exists()
    assert not (tmp_path / "outside").exists()


def test_what_is_no_zip_or_damaged_is_a_sentence(data: Path, tmp_path: Path) -> None:
    source = tmp_path / "b.zip"
    source.write_bytes(b"no zip")
    with pytest.raises(BadInput, match="no backup that can be read"):
        restore(tmp_path / "x", source)
    source.unlink()
    back_up(data, source)
    content = bytearray(source.read_bytes())
    content[content.index(b"picture")] ^= 255
    source.write_bytes(bytes(content))
    with pytest.raises(BadInput, match="damaged"):
        restore(tmp_path / "x", source)


def test_a_folder_in_use_is_left_alone(data: Path, tmp_path: Path) -> None:
    source = tmp_path / "b.zip"
    back_up(data, source)
    handle = hold(data)
    try:
        with pytest.raises(InUse):
            restore(data, source)
    finally:
        os.close(handle)


def test_whose_the_pictures_are_comes_back_also_from_a_studio_that_writes(
    data: Path, tmp_path: Path
) -> None:
    table = Table(data)
    assert table.claim("2026-11-30/a.png", Maker("@ada/1", "ada"))
    table.favour(["2026-11-30/a.png"], True)
    with table._open() as writing:
        writing.execute("INSERT INTO makers VALUES ('half', 'x', 'x')")
        back_up(data, tmp_path / "backup.zip")
    fresh = tmp_path / "fresh"
    restore(fresh, tmp_path / "backup.zip")
    assert Table(fresh).makers(["2026-11-30/a.png", "half"]) == {
        "2026-11-30/a.png": Maker("@ada/1", "ada")
    }
    assert stat.S_IMODE((fresh / "history.sqlite").stat().st_mode) == 0o600

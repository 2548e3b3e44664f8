"""Uploads are read from the upload folder only."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from ui.server.uploads import read_upload


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    inside = tmp_path / "gradio"
    inside.mkdir()
    (inside / "a.png").write_bytes(b"inside")
    (tmp_path / "b.png").write_bytes(b"outside")
    (inside / "link.png").symlink_to(tmp_path / "b.png")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(inside))
    return inside


def test_uploads_are_read(folder: Path) -> None:
    path = str(folder / "a.png")
    assert read_upload(path, 100) == b"inside"
    assert read_upload({"path": path, "size": 3}, 100) == b"inside"
    assert read_upload([{"path": path}], 100) == b"inside"


@pytest.mark.parametrize(
    "name",
    [
        "/etc/hostname",
        "{folder}/../b.png",
        "{folder}/link.png",
        "{folder}",
        "{folder}/none.png",
        "",
        "a\x00b",
        "~/x",
    ],
)
def test_server_paths_are_refused(folder: Path, name: str) -> None:
    for sent in (name.format(folder=folder), {"path": name.format(folder=folder)}):
        with pytest.raises(BadInput):
            read_upload(sent, 100)


@pytest.mark.parametrize("sent", [None, 3, {}, {"path": 3}, [], ["a", "b"]])
def test_what_is_no_file_is_refused(folder: Path, sent: object) -> None:
    with pytest.raises(BadInput):
        read_upload(sent, 100)


def test_large_files_are_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="too large"):
        read_upload(str(folder / "a.png"), 3)

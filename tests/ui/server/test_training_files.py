"""What somebody sent to learn from, as it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from ui.server.training_files import read_training, read_training_files


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("ui.server.uploads.get_upload_folder", lambda: str(tmp_path))
    return tmp_path


def stored(folder: Path, name: str, content: bytes | None = None) -> dict[str, Any]:
    path = folder / name
    if content is None:
        Image.new("RGB", (40, 40)).save(path)
    else:
        path.write_bytes(content)
    return {"path": str(path), "name": f"set/{name}", "caption": ""}


def test_a_typed_caption_goes_before_the_listed_one(uploads: Path) -> None:
    rows = [{"file_name": f"{i}.png", "text": f"listed {i}"} for i in (1, 2)]
    files = [
        stored(uploads, "1.png"),
        stored(uploads, "2.png") | {"caption": "typed"},
        stored(uploads, "metadata.jsonl", "\n".join(map(json.dumps, rows)).encode()),
    ]
    found = read_training(files)
    assert [(p.name, p.caption) for p in found] == [("1.png", "listed 1"), ("2.png", "typed")]


def test_two_files_of_one_name_are_both_kept(uploads: Path) -> None:
    file = stored(uploads, "1.png")
    assert [p.name for p in read_training([file, file])] == ["1 (2).png", "1.png"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (None, "as a list"),
        ([], "no pictures"),
        ([{"path": "/etc/hostname"}], "not accepted"),
        ([{}] * 301, "too many"),
    ],
)
def test_what_cannot_be_read(files: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read_training(files)


def test_captions_are_counted() -> None:
    with pytest.raises(BadInput, match="1 captions for 2 files"):
        read_training_files([{}, {}], ["a"])

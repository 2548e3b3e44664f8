"""Notes and tags beside pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.storage.remarks import MAX_FILE_BYTES, Remark, beside, read, remark_of, write


def test_what_was_said_lies_beside_the_picture_until_nothing_is_said(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    assert read(picture) == Remark()
    said = remark_of("  Best so far.\n", ["#Sea", "night  sky", "sea", " ", "a,b"])
    assert said == Remark("Best so far.", ("sea", "night sky", "a b"))
    write(picture, said)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png.note.json"]
    assert read(picture) == said
    assert said.words == "Best so far.\n#sea\n#night sky\n#a b"
    write(picture, Remark())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("note", "tags", "words"),
    [
        ("x" * 2_001, [], "2,000 characters"),
        ("", [str(n) for n in range(21)], "20 tags"),
        ("", ["x" * 41], "40 characters"),
    ],
)
def test_what_is_too_long_is_said(note: str, tags: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        remark_of(note, tags)


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        json.dumps({"note": 3, "tags": {"a": 1}}),
        json.dumps({"note": "x" * MAX_FILE_BYTES}),
        "[" * 50_000,
    ],
    ids=["text", "list", "kinds", "long", "deep"],
)
def test_a_damaged_file_says_nothing(tmp_path: Path, content: Any) -> None:
    beside(tmp_path / "a.png").write_text(content)
    assert read(tmp_path / "a.png") == Remark()

"""What lies beside a model's file: its picture, and what somebody has noted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.models.catalog.beside import MAX_NOTES_BYTES, Told, picture_of, told_of


@pytest.mark.parametrize("name", ["sea.png", "sea.preview.png", "sea.jpeg", "sea.preview.webp"])
def test_a_files_picture_has_its_name(tmp_path: Path, name: str) -> None:
    model = tmp_path / "sea.safetensors"
    model.write_bytes(b"")
    assert picture_of(model) is None
    (tmp_path / name).write_bytes(b"picture")
    (tmp_path / "other.png").write_bytes(b"picture")
    assert picture_of(model) == tmp_path / name


@pytest.mark.parametrize("name", ["sea/preview.png", "sea/card.jpg", "sea.webp"])
def test_a_folders_picture_lies_inside_or_beside_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "sea").mkdir()
    assert picture_of(tmp_path / "sea") is None
    (tmp_path / name).write_bytes(b"picture")
    assert picture_of(tmp_path / "sea") == tmp_path / name


def noted(tmp_path: Path, what: Any) -> Told:
    (tmp_path / "sea.json").write_text(what if isinstance(what, str) else json.dumps(what))
    return told_of(tmp_path / "sea.safetensors")


def test_a1111s_notes_are_read(tmp_path: Path) -> None:
    told = noted(
        tmp_path,
        {
            "description": "Calm water",
            "notes": "Not with neon.",
            "activation text": "calm sea,  waves",
            "preferred weight": 0.7,
            "sd version": "SD1",
        },
    )
    assert told == Told("Calm water\nNot with neon.", ("calm sea", "waves"), 0.7)


@pytest.mark.parametrize(
    "what",
    [
        "no json",
        "[]",
        {"description": 3, "activation text": None, "preferred weight": "much"},
        {"preferred weight": 0},
        {"preferred weight": True},
        {"preferred weight": 99},
        "[" * 100_000,
        json.dumps({"description": "x" * MAX_NOTES_BYTES}),
    ],
    ids=["text", "list", "kinds", "none", "true", "far", "deep", "long"],
)
def test_what_is_no_note_says_nothing(tmp_path: Path, what: Any) -> None:
    assert noted(tmp_path, what) == Told()


def test_no_notes_say_nothing(tmp_path: Path) -> None:
    assert told_of(tmp_path / "sea.safetensors") == Told()


def test_what_is_bundled_shows_what_it_draws() -> None:
    folder = Path(__file__).parents[3] / "models" / "checkpoints"
    models = [path.parent for path in folder.rglob("model_index.json")]
    assert len(models) >= 3
    for model in models:
        assert picture_of(model) is not None, model.name

"""Configs of model folders: what is missing or damaged is named, what changed is read anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend.contracts.errors import ModelProblem
from backend.models.catalog.configs import read_config, read_json


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "unet").mkdir()
    return tmp_path / "unet" / "config.json"


@pytest.mark.parametrize("read", [read_json, read_config])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "The file unet/config.json is missing."),
        (b"{", "The file unet/config.json is damaged: it is not readable as JSON."),
        (b"\xff\xfe", "The file unet/config.json is damaged: it is not readable as JSON."),
        (b"[" * 100_000, "The file unet/config.json is damaged: it is not readable as JSON."),
        (b"[1]", "The file unet/config.json is damaged: it does not hold a JSON object."),
        (b"null", "The file unet/config.json is damaged: it does not hold a JSON object."),
    ],
    ids=["missing", "cut short", "not UTF-8", "nested", "a list", "null"],
)
def test_a_bad_file_is_named(path: Path, read, content: bytes | None, said: str) -> None:  # type: ignore[no-untyped-def]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelProblem) as error:
        read(path)
    assert str(error.value) == said


def test_a_folder_in_its_place_is_damaged(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ModelProblem, match="damaged"):
        read_json(path)


def test_a_config_is_read_again_once_it_has_changed(path: Path) -> None:
    path.write_text('{"width": 1}')
    os.utime(path, ns=(10**18, 10**18))
    assert read_config(path) == {"width": 1}
    path.write_text('{"width": 2}')
    os.utime(path, ns=(10**18, 10**18))
    assert read_config(path) == {"width": 1}
    os.utime(path, ns=(10**18, 10**18 + 1))
    assert read_config(path) == {"width": 2}


def test_what_a_caller_changes_is_its_own(path: Path) -> None:
    path.write_text('{"width": 1, "heads": [8, 8]}')
    first = read_config(path)
    first["width"] = 9
    first["heads"].append(8)
    assert read_config(path) == {"width": 1, "heads": [8, 8]}

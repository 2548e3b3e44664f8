"""The table of the DDIM experiment, on an untrained model and with plain features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.contracts.settings.ddim_table import WAYS
from tests.staged import loaded
from tests.tiny_pixels import tiny_ddpm
from toyworld.pixel_table import samples, write_table
from toyworld.things import NAMES


def colours(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean and deviation of each colour."""
    flat = pictures.reshape(len(pictures), -1, 3).astype(np.float64)
    return np.concatenate([flat.mean(1), flat.std(1)], axis=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_ddpm(tmp_path / "checkpoints" / "small", classes=len(NAMES))


def test_every_cell_is_measured_once_and_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = write_table(folder, tmp_path / "work", 12, (3, 20), colours)
    lines = text.splitlines()
    assert lines[0] == "| | 3 steps | 20 steps |"
    assert [line.split(" |")[0] for line in lines[2:5]] == [f"| {way.label}" for way in WAYS]
    assert "(published: 213.16)" in lines[4]
    assert text.rstrip() in (folder / "README.md").read_text()
    kept = json.loads((tmp_path / "work" / "table.json").read_text())
    (cells,) = kept.values()
    assert len(cells) == 6

    def never(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr("toyworld.pixel_table.samples", never)
    assert write_table(folder, tmp_path / "work", 12, (3, 20), colours) == text


def test_a_picture_depends_on_its_seed_and_class_alone(folder: Path, tmp_path: Path) -> None:
    model = loaded(tmp_path, "small")
    labels = np.array([0, 3, 5], dtype=np.int64)
    made = samples(model, WAYS[1], 4, labels)
    assert made.shape == (3, 16, 16, 3)
    alone = samples(model, WAYS[1], 4, labels[:1])
    assert np.abs(alone[0].astype(int) - made[0]).max() <= 1
    other = samples(model, WAYS[1], 4, np.array([1, 3, 5], dtype=np.int64))
    assert (other[0] != made[0]).any()
    assert np.abs(other[1].astype(int) - made[1]).max() <= 1

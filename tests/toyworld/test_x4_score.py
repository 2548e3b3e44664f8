"""The score of `pocket-x4`: what is measured, on a tiny model and with plain features."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tiny_pixels import tiny_if_convolutions
from toyworld import x4_score
from toyworld.x4_score import edge_f1, psnr_db, rendered, scenes, write_score


def colours(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean and deviation of each colour."""
    flat = pictures.reshape(len(pictures), -1, 3).astype(np.float64)
    return np.concatenate([flat.mean(1), flat.std(1)], axis=1)


def test_the_truth_is_the_best_there_is() -> None:
    wanted = rendered(scenes(1, 2), 64)
    soft = np.stack([cv2.GaussianBlur(picture, (0, 0), 2) for picture in wanted])
    assert psnr_db(wanted, wanted) > 90
    assert psnr_db(soft, wanted) < psnr_db((wanted // 2 * 2), wanted)
    assert edge_f1(wanted, wanted) == 1.0
    assert edge_f1(soft, wanted) < 0.9


def test_each_way_has_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x4_score, "SIDE_PX", 64)
    monkeypatch.setattr(x4_score, "STEPS", 2)
    folder = tiny_if_convolutions(tmp_path / "checkpoints" / "both" / "small")
    text = write_score(folder, 4, redrawer="", look=colours)
    lines = text.splitlines()
    assert [line.split(" |")[0] for line in lines[2:4]] == ["| Lanczos", "| small"]
    lanczos, small = (float(line.split(" | ")[1]) for line in lines[2:4])
    assert lanczos > small  # a model that has learned nothing
    assert text.rstrip() in (folder / "README.md").read_text()
    assert "4 unseen scenes" in text


def test_a_folder_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="below no folder 'checkpoints'"):
        x4_score.models_of(Path("runs/small"))

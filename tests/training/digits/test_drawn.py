"""Drawn digits: the same for a seed, all different, and told apart by their shapes."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.errors import Cancelled
from backend.training.digits.drawn import CLASSES, SIDE_PX, WAYS, draw, sheet


def test_a_seed_draws_the_same_and_a_longer_row_begins_as_a_shorter() -> None:
    pictures, labels = draw(30, 5)
    again, _ = draw(12, 5)
    assert pictures.shape == (30, SIDE_PX, SIDE_PX)
    assert pictures.dtype == np.uint8
    assert np.array_equal(pictures[:12], again)
    assert labels.tolist() == [*range(CLASSES)] * 3
    assert not np.array_equal(pictures, draw(30, 6)[0])


def test_each_has_ink_and_a_margin_without() -> None:
    pictures, _ = draw(200, 0)
    assert len(np.unique(pictures.reshape(200, -1), axis=0)) == 200
    assert pictures.reshape(200, -1).max(1).min() == 255
    edge = np.concatenate([pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]])
    assert edge.max() == 0


def test_its_neighbours_in_shape_are_of_its_digit() -> None:
    known, of_known = draw(600, 1)
    asked, wanted = draw(100, 2)
    flat = known.reshape(600, -1).astype(np.float32)
    gaps = ((asked.reshape(100, 1, -1).astype(np.float32) - flat[None]) ** 2).sum(-1)
    assert (of_known[gaps.argmin(1)] == wanted).mean() > 0.8
    assert len(WAYS) == CLASSES


def test_it_asks_whether_to_go_on() -> None:
    def stop() -> None:
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        draw(10, 0, stop)


def test_a_sheet_has_its_pictures_row_by_row() -> None:
    pictures = np.arange(3, dtype=np.uint8)[:, None, None] + np.zeros((3, 2, 2), np.uint8)
    assert sheet(pictures, 2).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 0, 0], [2, 2, 0, 0]]

"""The world of single things: the same from the same seed, plain ground, every class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from toyworld.things import NAMES, SIDE_PX, drawn, pool, thing


def test_a_place_always_shows_the_same_thing() -> None:
    first, label = thing(3, 5)
    again, same = thing(3, 5)
    assert (first == again).all()
    assert label == same
    assert first.shape == (SIDE_PX, SIDE_PX, 3)
    assert (first != thing(3, 6)[0]).any()


def test_every_class_comes_on_ground_that_is_plain() -> None:
    made = drawn(1, 200)
    assert set(made.labels) == set(range(len(NAMES)))
    top = made.pixels[:, 0].astype(int)  # the thing keeps away from the upper edge
    assert np.abs(top - top[:, :1]).max() <= 2


def test_a_pool_is_drawn_once(tmp_path: Path) -> None:
    first = pool(tmp_path, 1, 6)
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    again = pool(tmp_path, 1, 6)
    assert kept.stat().st_mtime_ns == before
    assert (first.pixels == again.pixels).all()
    assert (first.labels == again.labels).all()

"""What flickers, and what only moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.contracts.events import Pixels
from backend.control.flicker import Meter, between


def scene(at: int) -> Pixels:
    """A disc with texture moves over a still ground with texture."""
    grain = np.random.default_rng(3).integers(60, 190, (96, 96, 3), np.uint8)
    ground = cv2.GaussianBlur(grain, (0, 0), 2)
    disc = cv2.GaussianBlur(np.roll(grain[::-1], at, axis=1), (0, 0), 2) // 2
    mask = np.zeros((96, 96), np.uint8)
    cv2.circle(mask, (30 + at, 48), 18, 1, -1)
    return np.where(mask[:, :, None] > 0, disc, ground).astype(np.uint8)


def recoloured(picture: Pixels, by: int) -> Pixels:
    return np.clip(255 - picture.astype(int) + by, 0, 255).astype(np.uint8)


def test_the_source_itself_and_the_same_change_of_each_frame_do_not_flicker() -> None:
    a, b = scene(0), scene(3)
    for made in ((a, b), (recoloured(a, 0), recoloured(b, 0))):
        gap = between((a, b), made)
        assert gap.whole < 0.01
        assert gap.still is not None
        assert gap.still < 0.004


def test_a_change_of_brightness_is_measured_as_large_as_it_is() -> None:
    a, b = scene(0), scene(3)
    gap = between((a, b), (recoloured(a, 0), recoloured(b, 20)))
    assert gap.whole == pytest.approx(20 / 255, abs=0.015)
    assert gap.still == pytest.approx(20 / 255, abs=0.01)


def test_without_following_the_motion_the_moving_thing_would_count() -> None:
    a, b = scene(0), scene(6)
    gap = between((a, b), (a, b))
    assert gap.whole < 0.3 * float(np.abs(a.astype(int) - b).mean() / 255)


def test_flicker_of_the_moving_thing_is_not_counted_outside_of_it() -> None:
    a, b = scene(0), scene(3)
    made = b.copy()
    cv2.circle(made, (33, 48), 12, (255, 255, 255), -1)
    gap = between((a, b), (a, made))
    assert gap.still is not None
    assert gap.whole > 0.02 > 4 * gap.still


def test_the_meter_tells_the_means_and_the_way_there() -> None:
    meter = Meter()
    assert meter.told == {"whole": None, "still": None, "over_time": []}
    for at, by in ((0, 0), (3, 20), (6, 20)):
        meter.add(scene(at), recoloured(scene(at), by))
    first, second = meter.told["over_time"]
    assert first > 5 * second
    assert meter.told["whole"] == pytest.approx((first + second) / 2, abs=1e-4)

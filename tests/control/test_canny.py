from __future__ import annotations

import dataclasses
import time

import cv2
import numpy as np
import pytest

from backend.control.canny import Canny
from backend.control.identity import Identity
from tests.control.scenes import noise, shapes


def test_the_defaults_are_those_of_the_published_controlnets() -> None:
    assert Canny() == Canny(100, 200)


@pytest.mark.parametrize(("width", "height"), [(256, 192), (500, 300), (64, 2048), (333, 57)])
def test_the_control_has_the_exact_size_and_three_equal_channels(width: int, height: int) -> None:
    control = Canny()(noise(width, height))
    assert control.shape == (height, width, 3)
    assert control.dtype == np.uint8
    assert set(np.unique(control)) <= {0, 255}
    assert (control == control[:, :, :1]).all()


def test_it_is_opencv_on_the_rgb_picture() -> None:
    image = noise(128, 96) // 3
    wanted = cv2.Canny(image, 40, 90, apertureSize=3, L2gradient=False)
    np.testing.assert_array_equal(Canny(40, 90)(image)[:, :, 1], wanted)
    grey = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 40, 90)
    assert (grey != wanted).any()


def test_edges_lie_on_the_outline() -> None:
    edges = Canny()(shapes())[:, :, 0] > 0
    assert edges[90, 28:33].any()
    assert edges[90, 98:103].any()
    assert not edges[60:120, 40:90].any()
    assert not edges[:30].any()


def test_lower_thresholds_find_at_least_as_much() -> None:
    image = cv2.GaussianBlur(noise(128, 128), (0, 0), 2)
    counts = [np.count_nonzero(Canny(low, 2 * low)(image)) for low in (10, 30, 60, 127)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_a_flat_picture_has_no_edges_and_the_source_is_left_alone() -> None:
    image = np.full((64, 64, 3), 90, np.uint8)
    assert not Canny()(image).any()
    assert (image == 90).all()


def test_a_view_that_is_not_contiguous_works() -> None:
    image = shapes()
    np.testing.assert_array_equal(Canny()(image[:, ::-1]), Canny()(image[:, ::-1].copy()))


@pytest.mark.parametrize(("low", "high"), [(201, 200), (-1, 5), (10, 256)])
def test_thresholds_out_of_order_or_range_are_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="thresholds"):
        Canny(low, high)


def test_parameters_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Canny().low = 3  # type: ignore[misc]


def test_a_slider_can_follow() -> None:
    image = cv2.GaussianBlur(noise(512, 512), (0, 0), 1)  # more edges than photos have
    canny = Canny()
    assert (canny(image) > 0).mean() > 0.05
    times = []
    for _ in range(5):
        started = time.thread_time()
        canny(image)
        times.append(time.thread_time() - started)
    assert min(times) < 0.02


def test_identity_copies() -> None:
    image = shapes()
    control = Identity()(image)
    np.testing.assert_array_equal(control, image)
    assert not np.shares_memory(control, image)

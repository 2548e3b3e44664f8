from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from backend.control.canny import Canny
from backend.control.obedience import (
    DIMMED,
    KEPT_COLOUR,
    LOST_COLOUR,
    NEW_COLOUR,
    measure,
    overlay,
)
from tests.control.scenes import noise, shapes


def test_a_picture_obeys_its_own_edges() -> None:
    found = measure(Canny()(shapes()), shapes())
    assert (found.recall, found.precision, found.f1) == (1, 1, 1)
    assert not found.lost.any()
    assert not found.new.any()


@pytest.mark.parametrize(("shift_px", "least", "most"), [(2, 0.97, 1.0), (6, 0.2, 0.6)])
def test_the_tolerance_is_two_pixels(shift_px: int, least: float, most: float) -> None:
    found = measure(Canny()(shapes()), shapes(shift_px=shift_px))
    assert least <= found.recall <= most
    assert least <= found.precision <= most


@pytest.mark.parametrize("tolerance_px", [0, 1, 2, 5])
def test_it_is_the_euclidean_distance(tolerance_px: int) -> None:
    control, output = Canny()(shapes()), cv2.GaussianBlur(noise(256, 192), (0, 0), 3)
    canny = Canny(20, 50)
    found = measure(control, output, canny, tolerance_px)
    asked, drawn = control[:, :, 0] > 0, canny.edges(output) > 0
    assert drawn.any()
    near_drawn = distance_transform_edt(~drawn) <= tolerance_px
    near_asked = distance_transform_edt(~asked) <= tolerance_px
    assert found.recall == pytest.approx((asked & near_drawn).sum() / asked.sum())
    assert found.precision == pytest.approx((drawn & near_asked).sum() / drawn.sum())
    assert found.f1 == pytest.approx(
        2 * found.recall * found.precision / (found.recall + found.precision)
    )


def test_lost_and_new_edges_are_told_apart() -> None:
    whole, control = shapes(), Canny()(shapes())
    without_disc = whole.copy()
    without_disc[:, 130:] = 30
    lost = measure(control, without_disc)
    assert lost.precision == 1
    assert 0.4 < lost.recall < 0.7
    assert lost.lost[:, 130:].any()
    assert not lost.lost[:, :130].any()
    new = measure(Canny()(without_disc), whole)
    assert new.recall == 1
    assert 0.4 < new.precision < 0.7
    assert new.new[:, 130:].any()
    assert not new.new[:, :130].any()


def test_empty_pictures_have_defined_numbers() -> None:
    flat = np.full((64, 64, 3), 80, np.uint8)
    nothing = np.zeros_like(flat)
    assert (measure(nothing, flat).recall, measure(nothing, flat).precision) == (1, 1)
    assert measure(nothing, shapes(64, 64)).precision == 0
    ignored = measure(Canny()(shapes(64, 64)), flat)
    assert (ignored.recall, ignored.precision, ignored.f1) == (0, 1, 0)
    assert measure(Canny()(shapes(64, 64)), shapes(64, 64)).density > 0


def test_soft_grey_lines_of_other_detectors_count_from_half_on() -> None:
    control = Canny()(shapes())
    assert measure(control // 255 * 130, shapes()).density == measure(control, shapes()).density
    assert measure(control // 255 * 120, shapes()).density == 0


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        measure(Canny()(shapes(64, 64)), shapes(64, 72))


def test_the_overlay_shows_each_kind_in_its_colour() -> None:
    output = shapes(shift_px=6)
    found = measure(Canny()(shapes()), output)
    picture = overlay(found, output)
    assert picture.shape == output.shape
    assert (picture[found.lost] == LOST_COLOUR).all()
    assert (picture[found.kept] == KEPT_COLOUR).all()
    assert (picture[found.new & ~found.kept & ~found.lost] == NEW_COLOUR).all()
    rest = ~(found.lost | found.kept | found.new)
    assert picture[rest].max() <= np.ceil(255 * DIMMED)
    assert (picture[rest] == picture[rest][:, :1]).all()
    assert picture[60, 70].max() > picture[5, 5].max()  # the picture can still be made out


def test_lines_on_large_pictures_are_broad_enough_to_see() -> None:
    output = shapes(1024, 768)
    found = measure(Canny()(output), output)
    drawn = (overlay(found, output) == KEPT_COLOUR).all(axis=2)
    assert drawn.sum() > 2 * found.kept.sum()


def luminance(colour) -> float:
    """Relative luminance of WCAG 2."""
    c = np.asarray(colour) / 255
    return float(
        np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)
    )


@pytest.mark.parametrize("colour", [KEPT_COLOUR, LOST_COLOUR, NEW_COLOUR])
def test_each_colour_stands_out_from_the_brightest_background(colour) -> None:
    background = luminance([255 * DIMMED] * 3)
    assert (luminance(colour) + 0.05) / (background + 0.05) >= 3


def test_measuring_and_drawing_take_a_moment_only() -> None:
    output = noise(512, 512)
    control = Canny()(output)
    times = []
    for _ in range(3):
        started = time.thread_time()
        overlay(measure(control, output), output)
        times.append(time.thread_time() - started)
    assert min(times) < 0.1

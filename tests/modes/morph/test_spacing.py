"""Spacing, distances and the light: the parts of a morph that need no model, or hardly any."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from backend.models.autoencoder.vae import Vae
from backend.models.perceptual.distance import EncoderMetric, distance
from backend.modes.end_cache import EndCache, content_key
from backend.modes.morph import compatibility, spacing
from tests.tiny import tiny_vae
from tests.tiny_control import house


@pytest.mark.parametrize("frames", [3, 4, 16, 120])
def test_the_plan_draws_an_eighth_more_than_asked(frames: int) -> None:
    first, rounds = spacing.plan(frames)
    assert first >= 3
    assert first + sum(rounds) == frames + -(-frames // 8)


def test_sixteen_even_frames_stay_within_the_bar() -> None:
    first, rounds = spacing.plan(16)
    published = 1700
    assert 50 * (first + sum(rounds)) + 2 * 50 <= 0.6 * published


def test_new_frames_go_where_the_gaps_are() -> None:
    assert spacing.insertions((0.0, 0.5, 1.0), (1.0, 9.0), 2) == pytest.approx([2 / 3, 5 / 6])
    assert spacing.insertions((0.0, 0.5, 1.0), (5.0, 4.0), 2) == pytest.approx([0.25, 0.75])


def test_frames_that_stand_close_are_left_out_and_ends_never() -> None:
    where = [0.0, 0.01, 0.4, 0.5, 0.99, 1.0]
    kept = spacing.chosen(6, 3, lambda i, j: abs(where[i] - where[j]))
    assert kept[0] == 0
    assert kept[-1] == 5
    assert where[kept[1]] in (0.4, 0.5)


def test_a_second_run_is_spaced_by_the_distances_of_the_first() -> None:
    speed = np.array([1.0, 1.0, 8.0, 2.0])
    at = spacing.respaced((0.0, 0.25, 0.5, 0.75, 1.0), list(speed), 13)
    reached = np.interp(at, [0, 0.25, 0.5, 0.75, 1], [0, *np.cumsum(speed)])
    assert np.allclose(np.diff(reached), 1.0)
    assert all(a < b for a, b in pairwise(at))


def test_distances_grow_with_the_change() -> None:
    look = EncoderMetric(Vae(tiny_vae().eval())).look
    picture = house(64, 64)
    same, near, far = (
        look(image)
        for image in (
            picture,
            np.clip(picture.astype(int) + 4, 0, 255).astype(np.uint8),
            np.ascontiguousarray(picture[::-1]),
        )
    )
    assert distance(same, same) == 0.0
    assert 0 < distance(same, near) < distance(same, far)


@pytest.mark.parametrize(
    ("far", "psnr", "colour"),
    [
        (0.2, None, "green"),
        (0.2, 38.0, "green"),
        (1.2, 38.0, "amber"),
        (0.2, 23.0, "amber"),
        (3.0, 38.0, "red"),
        (0.2, 12.0, "red"),
    ],
)
def test_the_light_names_the_worse_of_both(far: float, psnr: float | None, colour: str) -> None:
    found = compatibility.judge(far, psnr, EncoderMetric(Vae(tiny_vae().eval())))
    assert found.light == colour
    assert found.sentence.endswith(".")


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    cache = EndCache(keep=2)
    for name in ("a", "b"):
        cache.put(content_key(name), name)
    assert cache.get(content_key("a"), str) == "a"
    cache.put(content_key("c"), "c")
    assert cache.get(content_key("b"), str) is None
    assert cache.get(content_key("a"), str) == "a"

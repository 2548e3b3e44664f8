"""Scenes in motion: the subject moves, the ground holds still."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.pictures.clips import read_clip
from toyworld.motion import CLIPS, Course, drawn
from toyworld.render import STILL, Shift, render

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_shift_a_scene_is_drawn_as_ever() -> None:
    scene = CLIPS["house-slides"].scene
    assert np.array_equal(render(scene, 64), render(scene, 64, shift=STILL))
    assert not np.array_equal(render(scene, 64), render(scene, 64, shift=Shift(across=0.1)))


def test_a_course_is_slow_at_both_ends_and_hops_in_between() -> None:
    course = Course(across=0.4, hop=0.1, turn_deg=10)
    assert (course.at(0).across, course.at(0.5).across) == pytest.approx((-0.2, 0))
    assert course.at(1).across == pytest.approx(0.2)
    assert course.at(0.5).down == pytest.approx(-0.1)
    first = course.at(0.1).across - course.at(0).across
    assert first < 0.5 * (course.at(0.55).across - course.at(0.45).across)


def test_the_ground_holds_still_and_the_subject_moves() -> None:
    take = replace(CLIPS["house-slides"], frames=5)
    frames = [frame.astype(int) for frame in drawn(take, 96)]
    spread = np.ptp(np.stack(frames), axis=0).max(axis=2)
    assert (spread[:20] == 0).all()  # the sky
    assert 0.05 < (spread > 20).mean() < 0.6


@pytest.mark.parametrize("name", CLIPS)
def test_the_committed_clips_are_small_and_what_the_world_draws(name: str) -> None:
    data = (ROOT / "bench" / "data" / "clips" / f"{name}.mp4").read_bytes()
    take = CLIPS[name]
    clip = read_clip(data)
    assert len(data) < 120_000
    assert 16 <= len(clip.frames) == take.frames <= 24
    for index in (0, take.frames - 1):
        wanted = list(drawn(replace(take, frames=take.frames)))[index].astype(int)
        assert np.abs(clip.frames[index] - wanted).mean() < 6

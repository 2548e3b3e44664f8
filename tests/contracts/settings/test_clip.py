"""Settings of a clip."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.contracts.clip import Clip, Cut, as_pictures
from backend.contracts.errors import BadInput
from backend.contracts.settings import ClipSettings, parse, steps_of


def clip(count: int, fps: float = 10) -> Clip:
    return Clip(tuple(np.full((8, 8, 3), index, np.uint8) for index in range(count)), fps)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batch_size": 2}, "no batch_size"),
        ({"variation_strength": 0.5}, "no variation_strength"),
        ({"canny_low": 201}, "canny_low must not lie above"),
        ({"first_frame": 5, "last_frame": 4}, "last_frame must not lie before"),
        ({"strength": 0.01}, "runs no step"),
        ({"attend": "all"}, "attend"),
    ],
)
def test_what_a_clip_cannot_be_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse("clip", values)


def test_frames_are_counted_and_the_speed_is_the_clips_where_none_is_asked_for() -> None:
    taken = clip(20, 7.6)
    settings = ClipSettings().of_clip(taken).for_pictures(as_pictures(taken))
    assert (settings.frames, settings.picture_count, settings.fps) == (20, 20, 8)
    assert ClipSettings(fps=24).of_clip(taken).fps == 24
    assert ClipSettings().for_pictures(as_pictures(taken)).fps > 0


def test_without_a_clip_it_says_what_to_add() -> None:
    assert "clip" in str(ClipSettings().missing_picture({"image"}))
    assert ClipSettings().missing_picture(as_pictures(clip(1))) is None


def test_the_cut_and_the_steps() -> None:
    assert ClipSettings(first_frame=2, every=3).cut == Cut(2, None, 3)
    assert ClipSettings(last_frame=9).cut == Cut(0, 9, 1)
    assert steps_of(ClipSettings(steps=50, strength=0.5)) == 25


@pytest.mark.parametrize(
    ("values", "given", "said"),
    [
        ({"key_frame": 3}, {"frame_0000", "frame_0001"}, "has 2 frames, counted from 0"),
        ({"attend": "bank"}, {"frame_0000", "key_picture"}, "set attend to 'first'"),
        ({"attend": "previous", "key_frame": 3}, {"frame_0000"}, None),
        ({"key_frame": 1}, {"frame_0000", "frame_0001", "key_picture"}, None),
    ],
)
def test_a_key_is_one_of_the_frames_or_a_picture_that_is_looked_at(
    values: dict[str, Any], given: set[str], said: str | None
) -> None:
    found = ClipSettings.model_validate(values).missing_picture(given)
    assert (found is None) if said is None else (said in (found or ""))

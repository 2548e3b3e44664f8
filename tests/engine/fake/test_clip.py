"""The stand-in's clips: each frame shows its source, and as much change as was asked for."""

from __future__ import annotations

import numpy as np

from backend.contracts.clip import Clip, as_pictures
from backend.contracts.requests import Request
from backend.contracts.settings import ClipSettings
from backend.engine.fake import clip


def request(strength: float) -> Request:
    frames = tuple(np.full((64, 64, 3), 40 * index, np.uint8) for index in range(3))
    settings = ClipSettings(strength=strength, width=64, height=64, seed=1, frames=3)
    return Request(settings, as_pictures(Clip(frames, 10)))


def test_a_frame_leans_from_its_source_to_the_drawn_picture() -> None:
    source, near, far = (
        clip.source(request(0.5), 2).astype(int),
        clip.frame(request(0.25), 2).astype(int),
        clip.frame(request(1.0), 2).astype(int),
    )
    assert np.abs(4 * (near - source) - (far - source)).max() <= 4
    assert np.array_equal(far, clip.frame(request(1.0), 0))


def test_facts_have_a_gap_for_each_pair_of_neighbours() -> None:
    frames = [clip.frame(request(0.25), index) for index in range(3)]
    told = clip.facts(frames)["flicker"]
    assert len(told["over_time"]) == 2
    assert clip.facts(frames[:1])["flicker"]["whole"] is None

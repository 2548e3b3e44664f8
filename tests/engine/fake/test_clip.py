"""The stand-in's clips: each frame shows its source, and as much change as was asked for."""

from __future__ import annotations

import numpy as np

from backend.contracts.clip import Clip, as_pictures
from backend.contracts.requests import Request
from backend.contracts.settings import ClipSettings
from backend.contracts.sound import SOUND, Sound
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
    told = clip.facts(frames, ClipSettings())["flicker"]
    assert len(told["over_time"]) == 2
    assert clip.facts(frames[:1], ClipSettings())["flicker"]["whole"] is None
    assert not told["alone"]
    apart = ClipSettings(attend="off", frame_noise="own")
    assert clip.facts(frames, apart)["flicker"]["alone"]


def test_the_sound_goes_with_the_first_frame() -> None:
    asked = request(0.5)
    assert set(clip.views(asked, 0)) == {"source"}
    asked.images[SOUND] = Sound(b"aac", 1.0).as_picture()
    assert set(clip.views(asked, 0)) == {"source", SOUND}
    assert set(clip.views(asked, 1)) == {"source"}

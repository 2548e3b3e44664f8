"""Fresh scenes are decided by their key, and mirrored ones say so."""

import numpy as np
import pytest

from toyworld import HELD_OUT, Scene, Subject, render
from toyworld.fresh import draw_scenes, fresh_crops, fresh_scenes
from toyworld.scene import mirrored
from toyworld.styles import STYLES, styled
from toyworld.world import SECOND


def test_a_key_decides_scenes_and_pictures():
    scenes, pictures = fresh_scenes((1, 2), 3, 32)
    again, same = fresh_scenes((1, 2), 3, 32)
    other, different = fresh_scenes((1, 3), 3, 32)
    assert scenes == again
    assert np.array_equal(pictures, same)
    assert scenes != other
    assert not np.array_equal(pictures, different)


def test_half_are_mirrored_in_picture_and_words():
    scenes, pictures = fresh_scenes((4,), 40, 32)
    flipped = 0
    for scene, picture in zip(scenes, pictures, strict=True):
        assert not {(s.name, s.colour) for s in scene.subjects} & HELD_OUT
        plain = render(scene, 32, SECOND)
        turned = render(mirrored(scene), 32, SECOND)[:, ::-1]
        assert np.array_equal(picture, plain) or np.array_equal(picture, turned)
        flipped += bool(np.array_equal(picture, turned) and not np.array_equal(picture, plain))
    assert 10 < flipped < 30


def test_a_mirrored_scene_exchanges_left_and_right():
    pair = Scene((Subject("cat", "red", "big", "left"), Subject("cup", "blue")), "sea", 1)
    turned = mirrored(pair)
    assert [(s.name, s.position) for s in turned.subjects] == [("cup", "centre"), ("cat", "right")]
    assert mirrored(turned) == pair


def test_crops_are_parts_of_the_pictures():
    _, pictures = fresh_scenes((7,), 2)
    crops = fresh_crops((7,), 2, 2, 64)
    assert crops.shape == (4, 64, 64, 3)
    for i, crop in enumerate(crops):
        windows = np.lib.stride_tricks.sliding_window_view(pictures[i // 2, :, :, 0], (64, 64))
        assert (windows[:, :, 0, :] == crop[0, :, 0]).all(axis=-1).any()


def test_some_subjects_are_drawn_more_often():
    shares = {"fish": 2.5, "cat": 2.5}
    drawn = [scene for scene, _ in draw_scenes((9,), 1500, shares=shares)]
    names = [s.name for scene in drawn for s in scene.subjects]
    rest = (len(names) - names.count("fish") - names.count("cat")) / 12
    assert names.count("fish") / rest == pytest.approx(2.5, rel=0.15)
    assert names.count("cat") / rest == pytest.approx(2.5, rel=0.15)
    assert not {(s.name, s.colour) for scene in drawn for s in scene.subjects} & HELD_OUT
    assert draw_scenes((9,), 20, shares={}) == draw_scenes((9,), 20)


def test_a_share_of_the_crops_is_in_the_manner_of_a_style():
    _, pictures = fresh_scenes((7,), 2)
    assert np.array_equal(fresh_crops((7,), 2, 2, 64), fresh_crops((7,), 2, 2, 64, styled_share=0))
    crops = fresh_crops((7,), 2, 3, 64, styled_share=1.0)
    manners = [[styled(p, style, 0) for style in STYLES] for p in pictures]
    starts = range(0, 256 - 64 + 1, 16)
    for i, crop in enumerate(crops):
        near = [
            float(np.abs(made[y : y + 64, x : x + 64].astype(int) - crop).mean())
            for made in (pictures[i // 3], *manners[i // 3])
            for y in starts
            for x in starts
        ]
        assert np.argmin(near) >= len(starts) ** 2, "nearest to a styled picture, at a whole cell"

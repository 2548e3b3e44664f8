"""Fresh scenes are decided by their key, and mirrored ones say so."""

import numpy as np

from toyworld import HELD_OUT, Scene, Subject, render
from toyworld.fresh import fresh_crops, fresh_scenes
from toyworld.scene import mirrored
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

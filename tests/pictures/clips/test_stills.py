"""Clips out of animations and zips of pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from backend.contracts.clip import Cut
from backend.contracts.errors import BadInput
from backend.pictures.clips import read_clip, stills
from tests.pictures.clips import films


def test_a_zip_is_read_in_the_order_of_its_numbers_without_its_other_files() -> None:
    files = {f"shot/{i}.png": films.png(films.grey(i)) for i in (10, 9, 2, 0, 1)}
    files |= {
        "shot/notes.txt": b"hello",
        "__MACOSX/shot/._9.png": b"rubbish",
        "shot/.thumb.png": b"rubbish",
        "shot/": b"",
    }
    assert films.numbers(read_clip(films.packed(files)).frames) == [0, 1, 2, 9, 10]


def test_pictures_of_other_sizes_are_brought_to_the_first_ones() -> None:
    files = {"0.png": films.png(films.grey(0)), "1.png": films.png(films.grey(1, 81, 60))}
    clip = read_clip(films.packed(files))
    assert [frame.shape for frame in clip.frames] == [(24, 32, 3)] * 2


def test_a_zip_without_pictures_says_so() -> None:
    with pytest.raises(BadInput, match="no pictures"):
        read_clip(films.packed({"notes.txt": b"hello"}))


def test_a_damaged_picture_in_a_zip_is_named() -> None:
    with pytest.raises(BadInput, match=r"'1\.png' in the zip"):
        read_clip(films.packed({"0.png": films.png(films.grey(0)), "1.png": b"rubbish"}))


def test_a_cut_zip_is_refused() -> None:
    with pytest.raises(BadInput, match="zip cannot be read"):
        read_clip(films.packed({"0.png": films.png(films.grey(0))})[:-30])


def test_too_many_pictures_are_refused_before_one_is_read() -> None:
    files = {f"{i}.png": b"not looked at" for i in range(301)}
    with pytest.raises(BadInput, match=r"301 frames.*2th"):
        read_clip(films.packed(files))


def test_an_animation_whose_frames_stay_for_different_times_has_their_mean_speed() -> None:
    clip = read_clip(films.animation(films.frames(4), duration=[100, 300, 100, 300]), Cut(every=2))
    assert films.numbers(clip.frames) == [0, 2]
    assert clip.fps == pytest.approx(2.5)


def test_a_plain_picture_is_a_clip_of_one_frame() -> None:
    assert len(read_clip(films.png(films.grey(3))).frames) == 1


def test_a_cut_animation_keeps_the_frames_before_the_cut() -> None:
    pictures = [np.random.default_rng(i).integers(0, 255, (40, 60, 3), np.uint8) for i in range(8)]
    whole = films.animation(pictures)
    clip = read_clip(whole[: 3 * len(whole) // 4])
    assert 4 <= len(clip.frames) < 8


def test_frames_that_are_passed_over_are_drawn_too_so_their_number_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stills, "MOST_WALKED_PIXELS", 9 * 24 * 32)
    frames = [Image.fromarray(films.grey(number)) for number in range(10)]
    stream = io.BytesIO()
    frames[0].save(stream, "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(BadInput, match="10 frames of 32 x 24 px takes too long"):
        read_clip(stream.getvalue(), Cut(every=9))
    assert len(read_clip(stream.getvalue(), Cut(last=8, every=8)).frames) == 2

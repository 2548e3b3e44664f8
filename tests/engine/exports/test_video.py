"""Videos that browsers play, of frames of any size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.contracts.clip import Cut
from backend.engine.exports.video import mp4
from backend.pictures.clips.sound import read_sound
from tests.pictures.clips.films import samples, tone


def read(content: bytes, path: Path) -> tuple[float, list[np.ndarray]]:
    """Frames a second, and the frames."""
    path.write_bytes(content)
    video = cv2.VideoCapture(str(path))
    try:
        frames = []
        while (found := video.read())[0]:
            frames.append(found[1])
        return video.get(cv2.CAP_PROP_FPS), frames
    finally:
        video.release()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (33, 47)])
def test_frames_come_back_in_order_at_their_speed(height: int, width: int, tmp_path: Path) -> None:
    shades = (0, 80, 160, 240)
    content = mp4([np.full((height, width, 3), shade, np.uint8) for shade in shades], fps=8)
    assert content[4:8] == b"ftyp"
    fps, frames = read(content, tmp_path / "a.mp4")
    assert fps == 8
    assert frames[0].shape[:2] == (height + height % 2, width + width % 2)  # 4:2:0 wants even sides
    assert len(frames) == 4
    for frame, shade in zip(frames, shades, strict=True):
        assert abs(float(frame.mean()) - shade) < 4


def test_the_comment_is_in_the_file() -> None:
    content = mp4([np.zeros((16, 16, 3), np.uint8)] * 2, fps=4, comment="a boat, seed 7")
    assert b"a boat, seed 7" in content


@pytest.mark.parametrize("fps", [10, 20, 4])
def test_the_sound_is_heard_at_the_speed_of_the_frames(fps: int, tmp_path: Path) -> None:
    """Its second half sounds, however fast the frames go; silence follows it."""
    sound = read_sound(tone(tmp_path, 20, fps=10), Cut(), 20)
    frames = [np.zeros((32, 32, 3), np.uint8)] * 30  # ten of them after the sound
    content = mp4(frames, fps, "a boat", sound, 20 / fps)
    found_fps, pictures = read(content, tmp_path / "a.mp4")
    assert (found_fps, len(pictures)) == (fps, 30)
    assert b"a boat" in content
    heard = np.abs(samples(tmp_path, content))
    assert len(heard) / 8000 == pytest.approx(30 / fps, abs=0.15)
    first, second, rest = (heard[int(8000 * a / fps) : int(8000 * b / fps)]
                           for a, b in ((0, 9), (11, 19), (21, 30)))  # fmt: skip
    assert first.mean() < 0.01
    assert second.mean() > 0.03
    assert rest.mean() < 0.01

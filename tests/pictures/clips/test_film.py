"""Films: which frames are taken, and what is wrong with some of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.clip import Cut
from backend.contracts.errors import BadInput
from backend.pictures.clips import film, read_clip
from tests.pictures.clips import films


def test_every_nth_frame_from_the_first_to_the_last_at_the_speed_of_the_film(
    tmp_path: Path,
) -> None:
    clip = read_clip(films.film(tmp_path, 20, fps=12), Cut(2, 14, 4))
    assert films.numbers(clip.frames) == [2, 6, 10, 14]
    assert clip.fps == pytest.approx(3)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.webm", ("-c:v", "libvpx")), ("a.mkv", ()), ("a.mov", ()), ("a.avi", ("-c:v", "mjpeg"))],
)
def test_other_containers(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    clip = read_clip(films.film(tmp_path, 6, *options, name=name))
    assert films.numbers(clip.frames) == list(range(6))


def test_one_frame_is_a_clip(tmp_path: Path) -> None:
    assert films.numbers(read_clip(films.film(tmp_path, 1)).frames) == [0]


def test_odd_sizes_keep_every_pixel(tmp_path: Path) -> None:
    data = films.film(tmp_path, 3, "-pix_fmt", "yuv444p", size=(31, 23))
    assert read_clip(data).frames[0].shape == (23, 31, 3)


def test_a_file_with_sound_alone_holds_no_video(tmp_path: Path) -> None:
    sound = films.ffmpeg(tmp_path, "a.mp4", "-f", "lavfi", "-i", "sine=duration=1")
    with pytest.raises(BadInput, match="no video"):
        read_clip(sound)


def test_ten_hours_are_refused_by_the_header_and_a_part_of_them_is_read(tmp_path: Path) -> None:
    """One frame each 20 s, so that the file is small."""
    data = films.ffmpeg(
        tmp_path, "long.mp4", "-f", "lavfi", "-i", "color=gray:s=32x24:r=1:d=36000",
        "-g", "1000", "-preset", "ultrafast",
    )  # fmt: skip
    with pytest.raises(BadInput, match=r"36000 frames.*at most 300.*120th"):
        read_clip(data)
    assert len(read_clip(data, Cut(0, 9)).frames) == 10


def test_without_a_length_in_its_header_a_long_film_is_still_refused(tmp_path: Path) -> None:
    data = films.ffmpeg(
        tmp_path, "live.mkv", "-f", "lavfi", "-i", "color=gray:s=32x24:r=25:d=16",
        "-live", "1", "-preset", "ultrafast",
    )  # fmt: skip
    with pytest.raises(BadInput, match="more than 300 frames"):
        read_clip(data)


def test_frames_at_uneven_times_are_brought_to_the_films_speed(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    lines: list[str] = []
    for index in range(12):
        picture = tmp_path / f"{index}.png"
        picture.write_bytes(films.png(films.grey(index)))
        lines += [f"file {picture}", f"duration {0.6 if index == 6 else 0.1}"]
    listed.write_text("\n".join(lines))
    options = ("-f", "concat", "-safe", "0", "-i", str(listed), "-fps_mode", "vfr")
    clip = read_clip(films.ffmpeg(tmp_path, "uneven.mp4", *options))
    seen = films.numbers(clip.frames)
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] >= 10
    assert seen.count(6) >= 4 > max(seen.count(other) for other in range(12) if other != 6)


def test_a_damaged_tail_leaves_the_frames_before_it(tmp_path: Path) -> None:
    data = films.film(tmp_path, 20, "-g", "1", "-movflags", "+faststart", size=(320, 240))
    clip = read_clip(data[: int(0.85 * len(data))])
    seen = films.numbers(clip.frames)
    assert 10 <= len(seen) < 20
    assert seen[:10] == list(range(10))


def test_8k_is_made_small_enough_to_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = films.film(tmp_path, 2, "-vf", "scale=7680:4320", "-preset", "ultrafast")
    monkeypatch.setattr(film, "MOST_BYTES", 6 * 960 * 540 * 3)
    clip = read_clip(data)
    assert [frame.shape for frame in clip.frames] == [(540, 960, 3)] * 2
    assert films.numbers(clip.frames) == [0, 1]


def test_a_first_frame_after_the_last_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="20 frames") as caught:
        read_clip(films.film(tmp_path, 20), Cut(25))
    assert caught.value.field == "first_frame"


def test_a_playlist_in_a_films_clothes_is_not_followed(tmp_path: Path) -> None:
    """ffmpeg is told the container by the bytes, and a list of other files is none of them."""
    secret = tmp_path / "other.mp4"
    secret.write_bytes(films.film(tmp_path, 2))
    for start in (b"", b"\0\0\0\x18ftyp", b"\x1a\x45\xdf\xa3"):
        with pytest.raises(BadInput):
            read_clip(start + f"\nffconcat version 1.0\nfile {secret}\n#EXTM3U\n{secret}".encode())

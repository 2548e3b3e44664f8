"""A clip at a glance: evenly spaced frames, small, of everything that a clip may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.pictures.clips.overview import MOST, SIDE_PX, overview
from tests.pictures.clips import films


def test_a_long_film_is_shown_by_a_few_frames(tmp_path: Path) -> None:
    found = overview(films.film(tmp_path, 30, "-c:v", "ffv1", name="a.mkv", size=(200, 100)))
    assert (found.count, found.every) == (30, 2)
    assert len(found.frames) == 15 <= MOST
    assert found.frames[0].shape == (SIDE_PX // 2, SIDE_PX, 3)
    assert films.numbers(found.frames)[:4] == [0, 2, 4, 6]


def test_animations_and_zips_are_shown_too() -> None:
    found = overview(films.animation(films.frames(20)))
    assert (found.count, found.every) == (20, 2)
    assert len(found.frames) == 10
    packed = films.packed({f"{i}.png": films.png(films.grey(i)) for i in range(3)} | {"a.txt": b""})
    assert overview(packed).count == 3


@pytest.mark.parametrize("data", [b"", b"nothing", b"PK\x03\x04broken", b"\x1a\x45\xdf\xa3broken"])
def test_what_is_no_clip_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        overview(data)

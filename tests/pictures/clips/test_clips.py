"""A clip is read by what its bytes are."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.clip import Cut
from backend.contracts.errors import BadInput
from backend.pictures.budget import Budget
from backend.pictures.clips import read_clip
from tests.pictures.clips import films


def test_film_animation_and_zip_give_the_same_frames(tmp_path: Path) -> None:
    files = {f"{i}.png": films.png(frame) for i, frame in enumerate(films.frames(5))}
    for data in (
        films.film(tmp_path, 5),
        films.animation(films.frames(5)),
        films.animation(films.frames(5), "WEBP"),
        films.packed(files),
    ):
        clip = read_clip(data, Cut(1, 3))
        assert films.numbers(clip.frames) == [1, 2, 3]
        assert {frame.shape for frame in clip.frames} == {(24, 32, 3)}


@pytest.mark.parametrize(
    "data", [b"no clip at all", b"PK\x03\x04 and nothing", b"GIF89a", b"\0\0\0\x18ftypmp42"]
)
def test_what_is_no_clip_is_refused_by_a_sentence(data: bytes) -> None:
    with pytest.raises(BadInput, match="read"):
        read_clip(data)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(BadInput, match="empty"):
        read_clip(b"")


def test_the_pixels_are_taken_from_the_requests_budget() -> None:
    data = films.animation(films.frames(5))
    budget = Budget(10_000_000)
    read_clip(data, budget=budget)
    assert budget.left_bytes == 10_000_000 - 5 * 32 * 24 * 3
    with pytest.raises(BadInput, match="MiB"):
        read_clip(data, budget=Budget(1000))

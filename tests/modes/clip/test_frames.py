"""How a clip's frames share model calls; what comes out is tested with the mode."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, cast

import pytest
import torch

from backend.contracts.errors import OutOfMemory
from backend.contracts.settings import ClipSettings
from backend.models.denoiser.cross_frame import PICTURE, CrossFrameAttention, Look, Rows
from backend.models.memory.memory_pressure import Thrift, in_force
from backend.modes.clip import frames as module
from backend.modes.clip.frames import Frames, Key, rows_of
from backend.modes.clip.keyframes import FrameMix, Keyframes
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.sampling.types import Level


class NoLoras:
    """The mix of a run without any."""

    text_key = ""

    def encoding(self) -> Any:
        return nullcontext()

    def over(self, frames: tuple[int, ...]) -> None:
        """Nothing moves."""


STILL = cast(FrameMix, NoLoras())


def made(monkeypatch: pytest.MonkeyPatch, count: int, chunk: int, most: int) -> tuple[Frames, Any]:
    """Frames over a model that doubles x, takes `most` rows a call, and notes how many it got."""
    seen: list[int] = []

    def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
        if len(x) > most:
            raise torch.OutOfMemoryError("out of memory")
        assert len(level.sigma) == len(x)
        seen.append(len(x))
        return 2 * x

    def make(*_: Any, **__: Any) -> Any:
        return denoise

    monkeypatch.setattr(module, "denoiser_of", make)
    stage = cast(
        Stage[ClipSettings], type("Stage", (), {"settings": ClipSettings.model_validate({})})()
    )
    return Frames(stage, count, STILL, Keyframes({}, count), None, None, chunk), seen


def level(count: int) -> Level:
    ones = torch.ones(count)
    return Level(ones, 2 * ones, 500 * ones, 2.0)


def test_chunks_of_neighbours_come_out_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, seen = made(monkeypatch, 7, 3, 99)
    x = torch.arange(7.0).reshape(7, 1, 1, 1)
    assert torch.equal(frames.denoiser(cast(Span, None))(x, level(7)), 2 * x)
    assert seen == [3, 3, 1]


def test_a_shortage_halves_the_chunk_until_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, seen = made(monkeypatch, 5, 32, 1)
    x = torch.arange(5.0).reshape(5, 1, 1, 1)
    said: list[str] = []
    with in_force(Thrift(tell=said.append)):
        assert torch.equal(frames.denoiser(cast(Span, None))(x, level(5)), 2 * x)
    assert seen == [1] * 5
    assert "1 frames" in said[0]


def test_one_frame_that_does_not_fit_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, _ = made(monkeypatch, 5, 1, 0)
    with pytest.raises(OutOfMemory, match="One frame of this size"):
        frames.denoiser(cast(Span, None))(torch.zeros(5, 1, 1, 1), level(5))


def test_the_key_goes_first_and_everything_comes_out_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, ...]] = []

    class Looking:
        look = Look("first_previous")

        def over(self, rows: Rows) -> Any:
            asked.append(rows.frames)
            assert rows.begins == (len(asked) == 1)
            return nullcontext()

    frames, _ = made(monkeypatch, 5, 2, 99)
    frames.attention = cast(CrossFrameAttention, Looking())
    object.__setattr__(frames.stage.settings, "key_frame", 3)
    x = torch.arange(5.0).reshape(5, 1, 1, 1)
    assert torch.equal(frames.denoiser(cast(Span, None))(x, level(5)), 2 * x)
    assert asked == [(3, 0), (1, 2), (4,)]
    asked.clear()
    frames.key = Key(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    assert torch.equal(frames.denoiser(cast(Span, None))(x, level(5)), 2 * x)
    assert asked == [(PICTURE,), (0, 1), (2, 3), (4,)]


def test_rows_are_taken_in_any_order() -> None:
    x = torch.arange(6.0)
    assert rows_of(x, [4, 0, 1, 2, 5]).tolist() == [4, 0, 1, 2, 5]
    assert rows_of(x, [2, 3]).data_ptr() == x[2:].data_ptr()  # neighbours are not copied

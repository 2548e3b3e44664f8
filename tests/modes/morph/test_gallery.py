"""Finished frames in order, and the distances between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from backend.contracts.errors import Cancelled
from backend.contracts.events import Pixels
from backend.modes.morph.gallery import Gallery


class Codec:
    """A picture of the latents' one number."""

    def decode(self, latents: torch.Tensor, check: Callable[[], None]) -> Pixels:
        check()
        return np.full((len(latents), 2, 2, 3), int(latents.flatten()[0]), np.uint8)


class Metric:
    name = "by brightness"
    far, very_far = 1.0, 2.0

    def look(self, image: Pixels) -> tuple[torch.Tensor, ...]:
        return (torch.full((1, 1, 1), float(image[0, 0, 0])),)


def gallery(check: Callable[[], None] = lambda: None) -> Gallery:
    return Gallery(Codec(), Metric(), check)  # type: ignore[arg-type]


def latents(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


def test_frames_stand_in_order_however_they_come() -> None:
    made = gallery()
    made.add((0.0, 1.0), latents(0, 9))
    made.add((0.5, 0.25), latents(5, 1))
    assert made.at == (0.0, 0.25, 0.5, 1.0)
    assert [int(frame.image[0, 0, 0]) for frame in made.frames] == [0, 1, 5, 9]
    assert made.gaps == [1.0, 16.0, 16.0]
    assert [frame.latents.shape for frame in made.frames] == [(1, 1, 1, 1)] * 4


def test_the_meter_tells_length_and_evenness() -> None:
    made = gallery()
    made.add((0.0, 1 / 3, 1.0), latents(0, 1, 3))
    told = made.meter()
    assert told["positions"] == [0.0, 0.3333, 1.0]
    assert told["distances"] == [1.0, 4.0]
    assert told["ppl"] == 5.0
    assert told["pdv"] == pytest.approx(np.var([1.0, 4.0]))
    assert told["distance"] == "by brightness"


def test_thinned_out_it_keeps_the_ends_and_even_steps() -> None:
    made = gallery()
    made.add((0.0, 0.1, 0.2, 0.5, 1.0), latents(0, 1, 2, 5, 10))
    made.thin_out(3)
    assert made.at == (0.0, 0.5, 1.0)
    made.clear()
    assert (made.at, made.gaps) == ((), [])


def test_a_stop_keeps_the_frames_before_it() -> None:
    left = [3]

    def check() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Cancelled("Stopped.")

    made = gallery(check)
    with pytest.raises(Cancelled):
        made.add((0.0, 1.0), latents(0, 9))
    assert made.at == (0.0,)


def test_each_frame_has_its_position() -> None:
    with pytest.raises(ValueError, match="shorter"):
        gallery().add((0.0, 0.5), latents(1))

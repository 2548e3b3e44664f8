"""The two guidances of a network that is shown a picture, on one whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from backend.models.denoiser.editing import STANDARD, EditingNetwork
from backend.models.patches import PatchStack
from backend.models.text.conditioning import Conditioning
from backend.sampling.guidance import cfg
from backend.sampling.types import Denoiser, Level


class Linear:
    """x0 = x + 10 * words + the picture's mean, so that each part of the formula shows."""

    prediction_type = "epsilon"
    in_channels = 8
    model = None
    modules: dict[str, Any] = {}  # noqa: RUF012, a stand-in

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def denoiser(
        self,
        conditioning: Sequence[Conditioning],
        check: Any = None,
        residuals: Any = None,
        channels: torch.Tensor | None = None,
        labels: Any = None,
    ) -> Denoiser:
        words = torch.cat([one.context[:, 0, 0] for one in conditioning])

        def answer(x: torch.Tensor, level: Level) -> torch.Tensor:
            assert channels is not None
            self.calls.append((len(x), len(channels)))
            assert len(level.sigma) == len(x)
            each = words.repeat_interleave(len(x) // len(words)).view(-1, 1, 1, 1)
            seen = channels.mean((1, 2, 3), keepdim=True)
            return x + 10 * each + seen + each * seen

        return answer


def words(value: float) -> Conditioning:
    return Conditioning(torch.full((1, 77, 4), value), torch.zeros(1, 77, 4))


def made() -> tuple[Linear, EditingNetwork]:
    inner = Linear()
    return inner, EditingNetwork(inner, 0.5, PatchStack())  # type: ignore[arg-type]


X = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
PICTURE = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1).expand(2, 4, 8, 8)
LEVEL = Level.like(X, 1.0, 500.0)


def test_the_guided_prediction_is_the_papers() -> None:
    inner, network = made()
    with network.image_guided(2.5):
        both = network.denoiser([words(0.1), words(0.7)], channels=PICTURE)
        cond = network.denoiser([words(0.7)], channels=PICTURE)
        found = cfg(both, cond, 4.0)(X, LEVEL)
    seen = PICTURE[:, :1, :1, :1] / 0.5  # the encoder's own scale
    unsaid, said = torch.tensor(0.1), torch.tensor(0.7)
    nothing = X + 10 * unsaid
    image = X + 10 * unsaid + seen + unsaid * seen
    whole = X + 10 * said + seen + said * seen
    expected = nothing + 2.5 * (image - nothing) + 4.0 * (whole - image)
    assert torch.allclose(found, expected, atol=1e-4)
    assert inner.calls == [(6, 6)]


def test_without_guidance_it_is_one_plain_call() -> None:
    inner, network = made()
    cond = network.denoiser([words(0.7)], channels=PICTURE)
    assert torch.allclose(cond(X, LEVEL), X + 7 + PICTURE * 2 + 0.7 * PICTURE * 2)
    assert inner.calls == [(2, 2)]


def test_runs_side_by_side_see_the_picture_each() -> None:
    _, network = made()
    both = network.denoiser([words(0.1), words(0.7)], channels=PICTURE)
    lanes = torch.cat([X, X + 1])
    level = LEVEL.repeat(4)
    low, high = both(torch.cat([lanes, lanes]), level).chunk(2)
    one_low, one_high = both(torch.cat([X, X]), LEVEL.repeat(2)).chunk(2)
    assert torch.allclose(low, torch.cat([one_low, one_low + 1]), atol=1e-5)
    assert torch.allclose(high, torch.cat([one_high, one_high + 1]), atol=1e-5)


def test_the_scale_is_the_standard_one_again_afterwards() -> None:
    _, network = made()

    def low() -> torch.Tensor:
        both = network.denoiser([words(0.1), words(0.7)], channels=PICTURE)
        return both(torch.cat([X, X]), LEVEL.repeat(2)).chunk(2)[0]

    before = low()
    with pytest.raises(RuntimeError), network.image_guided(STANDARD + 1):
        raise RuntimeError
    assert torch.equal(low(), before)


def test_without_a_picture_it_does_not_run() -> None:
    _, network = made()
    with pytest.raises(ValueError, match="no picture"):
        network.denoiser([words(0.1)])


def test_several_prompts_change_the_picture_side_by_side() -> None:
    inner, network = made()
    every = network.denoiser([words(0.1), words(0.7), words(0.4)], channels=PICTURE)
    low, first, second = every(torch.cat([X, X, X]), LEVEL.repeat(3)).chunk(3)
    assert inner.calls == [(8, 8)]
    for high, value in ((first, 0.7), (second, 0.4)):
        both = network.denoiser([words(0.1), words(value)], channels=PICTURE)
        one_low, one_high = both(torch.cat([X, X]), LEVEL.repeat(2)).chunk(2)
        assert torch.allclose(low, one_low, atol=1e-5)
        assert torch.allclose(high, one_high, atol=1e-5)

"""A network of velocities: what it is asked, in which rows, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from backend.models.denoiser.transformer import Asked, FlowTransformer
from backend.models.text.conditioning import Conditioning
from backend.sampling.types import Level


class Velocities(nn.Module):
    """u = 2 x + the prompt's mean + the time."""

    def __init__(self) -> None:
        super().__init__()
        self.two = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor, time: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        return self.two * x + (said + time / 1000).reshape(-1, 1, 1, 1)


def asking(seen: list[Asked]) -> Callable[[Callable[..., Any], Asked], torch.Tensor]:
    def ask(model: Callable[..., Any], asked: Asked) -> torch.Tensor:
        seen.append(asked)
        return model(asked.x, asked.timestep, asked.prompts.context.mean(dim=(1, 2)))

    return ask


def prompt(value: float) -> Conditioning:
    return Conditioning(torch.full((1, 2, 3), value), torch.zeros(1, 2, 3))


@torch.no_grad()
def test_x0_is_what_is_left_when_the_noise_is_taken_off() -> None:
    network = FlowTransformer(Velocities(), asking([]), 4, ())
    x = torch.randn(4, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    level = Level.like(x, 0.25 / 0.75, 250.0, "flow")
    x0 = network.denoiser([prompt(1.0), prompt(3.0)])(x, level)
    said = torch.tensor([1.0, 1.0, 3.0, 3.0]).reshape(-1, 1, 1, 1)
    torch.testing.assert_close(x0, x - 0.25 * (2 * x + said + 0.25))
    assert network.prediction_type == "flow_prediction"


@torch.no_grad()
def test_it_is_told_guidance_only_where_it_was_made_for_that() -> None:
    seen: list[Asked] = []
    x = torch.zeros(1, 4, 2, 2)
    level = Level.like(x, 1.0, 500.0, "flow")
    told = FlowTransformer(Velocities(), asking(seen), 4, (), guidance=3.5)
    deaf = FlowTransformer(Velocities(), asking(seen), 4, ())
    for network in (told, deaf):
        denoiser = network.denoiser([prompt(0.0)])
        denoiser(x, level)
        with network.told(8.0):
            denoiser(x, level)
        denoiser(x, level)
    assert [asked.guidance for asked in seen] == [3.5, 8.0, 3.5, None, None, None]


def test_what_it_cannot_be_shown_is_an_error() -> None:
    network = FlowTransformer(Velocities(), asking([]), 4, ())
    with pytest.raises(ValueError, match="nothing but x"):
        network.denoiser([prompt(0.0)], channels=torch.zeros(1, 4, 2, 2))
    x = torch.zeros(3, 4, 2, 2)
    denoiser = network.denoiser([prompt(0.0)] * 2)
    with pytest.raises(ValueError, match="a batch of 3, the conditioning 2"):
        denoiser(x, Level.like(x, 1.0, 500.0, "flow"))


def test_its_parts_have_the_names_of_files() -> None:
    model = Velocities()
    network = FlowTransformer(model, asking([]), 4, (model,))
    assert network.modules == {"transformer": model}
    assert network.blocks == {"transformer": (model,)}

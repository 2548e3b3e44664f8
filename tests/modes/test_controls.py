"""ControlNets under the denoiser: which act, on which half, and that they add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from backend.contracts.settings import ControlMode
from backend.models.denoiser.unet import Added, ResidualHook, Residuals
from backend.models.text.conditioning import Conditioning
from backend.modes.controls import Control, controlled
from backend.sampling.guidance import SigmaRange
from backend.sampling.types import Denoiser, Level

ALWAYS = SigmaRange(0.0, float("inf"))
WORDS = Conditioning(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))


class Net:
    """Adds its number times the scale, and notes the rows that it saw."""

    def __init__(self, value: float, *, pools: bool = False) -> None:
        self.value, self._pools = value, pools
        self.seen: list[tuple[int, Added | None]] = []

    def conditional_only(self, mode: ControlMode) -> bool:
        return mode == "control" or self._pools

    def residuals(
        self,
        hint: torch.Tensor,
        scaled: torch.Tensor,
        timestep: torch.Tensor,
        context: torch.Tensor,
        scale: float,
        mode: ControlMode,
        added: Added | None = None,
    ) -> Residuals:
        assert len(timestep) == len(context) == len(scaled)
        self.seen.append((len(scaled), added))
        one = torch.full((len(scaled), 1), self.value * scale)
        return Residuals((one, 10 * one), 100 * one)


class Network:
    """Gives the residuals back as x0, and counts the denoisers that it made."""

    def __init__(self) -> None:
        self.hooks: list[ResidualHook | None] = []
        self.channels: list[torch.Tensor | None] = []

    def denoiser(
        self,
        conditioning: Sequence[Conditioning],
        check: object = None,
        residuals: ResidualHook | None = None,
        channels: torch.Tensor | None = None,
    ) -> Denoiser:
        self.hooks.append(residuals)
        self.channels.append(channels)

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            if residuals is None:
                return torch.zeros(1)
            rows = x.repeat(len(conditioning), 1)
            found = residuals(rows, level.timestep.repeat(len(conditioning)), rows, None)
            return torch.cat([*found.down, found.mid], dim=1)

        return denoise


def control(net: Net, **values: Any) -> Control:
    plain = {"hint": torch.zeros(1, 3, 8, 8), "scale": 1.0, "mode": "balanced", "levels": ALWAYS}
    return Control(net, **(plain | values))  # type: ignore[arg-type]


def asked(
    controls: Sequence[Control], sigmas: Sequence[float] = (1.0,), *, guided: bool = False
) -> tuple[list[torch.Tensor], Network]:
    network, x = Network(), torch.zeros(1, 1)
    words = [WORDS, WORDS] if guided else [WORDS]
    denoiser = controlled(network, controls)(words, lambda: None)  # type: ignore[arg-type]
    return [denoiser(x, Level.like(x, sigma, 500.0)) for sigma in sigmas], network


def test_what_two_add_is_summed_place_by_place() -> None:
    (found,), _ = asked([control(Net(1.0)), control(Net(2.0), scale=0.5)])
    assert found.tolist() == [[2.0, 20.0, 200.0]]


def test_one_that_does_not_act_is_not_run() -> None:
    off, late = Net(1.0), Net(2.0)
    controls = [control(off, scale=0.0), control(late, levels=SigmaRange(0.0, 2.0))]
    found, network = asked(controls, (9.0, 1.0, 0.5, 9.0))
    assert [row.tolist() for row in found] == [[0], [[2, 20, 200]], [[2, 20, 200]], [0]]
    assert (off.seen, len(late.seen)) == ([], 2)
    assert len(network.hooks) == 2  # the plain one, and one for those that act: made once


def test_each_set_of_those_that_act_has_its_own() -> None:
    early, late = Net(1.0), Net(2.0)
    controls = [
        control(early, levels=SigmaRange(2.0, 20.0)),
        control(late, levels=SigmaRange(0.0, 5.0)),
    ]
    found, network = asked(controls, (9.0, 3.0, 1.0))
    assert [float(row[0, 0]) for row in found] == [1.0, 3.0, 2.0]
    assert len(network.hooks) == 4


@pytest.mark.parametrize(
    ("mode", "pools", "rows"),
    [("balanced", False, 2), ("prompt", False, 2), ("control", False, 1), ("balanced", True, 1)],
)
def test_where_the_control_counts_for_more_the_negative_half_goes_without(
    mode: ControlMode, pools: bool, rows: int
) -> None:
    net = Net(1.0, pools=pools)
    (found,), _ = asked([control(net, mode=mode)], guided=True)
    assert net.seen[0][0] == rows
    assert found[1].tolist() == [1.0, 10.0, 100.0]
    assert found[0].tolist() == ([1.0, 10.0, 100.0] if rows == 2 else [0.0, 0.0, 0.0])


def test_the_further_conditions_are_those_of_its_half() -> None:
    net = Net(1.0)
    rows, timesteps = torch.zeros(2, 1), torch.zeros(2)
    added = {"text_embeds": torch.tensor([[1.0], [2.0]])}
    control(net, mode="control").residuals(rows, timesteps, rows, added, 2)
    control(net, mode="control").residuals(rows, timesteps, rows, added, 1)
    (half, own), (whole, both) = net.seen
    assert (half, whole) == (1, 2)
    assert own is not None
    assert own["text_embeds"].tolist() == [[2.0]]
    assert both is added


def test_what_an_inpainting_model_sees_goes_along() -> None:
    network, seen = Network(), torch.ones(1, 5, 8, 8)
    base = controlled(network, [control(Net(1.0))], seen)  # type: ignore[arg-type]
    x = torch.zeros(1, 1)
    base([WORDS], lambda: None)(x, Level.like(x, 1.0, 500.0))
    assert network.channels == [seen, seen]


def test_of_several_prompts_only_the_negative_rows_go_without() -> None:
    net = Net(1.0)
    rows, timesteps = torch.zeros(6, 1), torch.zeros(6)  # two samples, negative and two prompts
    found = control(net, mode="control").residuals(rows, timesteps, rows, None, 3)
    assert net.seen[0][0] == 4
    assert found.down[0].flatten().tolist() == [0, 0, 1, 1, 1, 1]
    assert found.mid.flatten().tolist() == [0, 0, 100, 100, 100, 100]

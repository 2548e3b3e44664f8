"""The noise that a reference stands in: one draw, or the way that DDIM takes back to it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from backend.contracts.settings import Txt2ImgSettings
from backend.modes.end_cache import EndCache
from backend.modes.reference_noise import Grain, grain_of
from backend.modes.stage import Stage, make_schedule
from backend.sampling.types import Denoiser, Level

KNOWN = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))


def level_of(value: float, told: bool = True) -> Level:
    ones = torch.ones(2)
    return Level(ones, value * ones, ones, value if told else None)


@pytest.mark.parametrize("told", [True, False])
def test_between_two_levels_the_noise_is_mixed(told: bool) -> None:
    grain = Grain((1.0, 3.0), torch.tensor([0.0, 4.0])[:, None, None, None])
    wanted = {0.5: 0.0, 1.0: 0.0, 1.5: 1.0, 3.0: 4.0, 9.0: 4.0}
    for value, noise in wanted.items():
        assert grain.at(level_of(value, told)).item() == pytest.approx(noise)


class Half:
    """A network that thinks the picture is half of what it sees; counts its calls."""

    in_channels, calls = 4, 0

    def denoiser(self, conditioning: Any, check: Any, channels: Any = None) -> Denoiser:
        assert channels is None

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            self.calls += 1
            return 0.5 * x / level.alpha_for(x)

        return denoise


def stage_of(network: Half) -> Stage[Txt2ImgSettings]:
    info = SimpleNamespace(path="a", family="sd")
    target = SimpleNamespace(dtype_name="float32")
    text = SimpleNamespace(encode=lambda prompts, skip, key: prompts)
    model: Any = SimpleNamespace(
        network=network, info=info, hash="", target=target, text=text, latent_channels=4,
        scheduler_config={}, vae_factor=8, bounded=False, spread=None,
    )  # fmt: skip
    context: Any = SimpleNamespace(
        ends=EndCache(), check=lambda: None, report=lambda progress: None, interludes=None
    )
    settings = Txt2ImgSettings(
        steps=6, width=64, height=64, sampler="euler", schedule="karras", reference_weight=1.0
    )
    return Stage(settings, model, context, make_schedule(settings, model))


def test_inverted_it_lies_on_the_way_up_and_is_found_once() -> None:
    """Where the network sees half in everything, the slope is the same in x: the way is known."""
    network = Half()
    stage = stage_of(network)
    grain = grain_of(stage, KNOWN, inverted=True)
    asked = network.calls
    assert len(grain.levels) == 6
    assert list(grain.levels) == sorted(grain.levels)
    # dx/dsigma = (x - x/2) / sigma of what lies there: all of it is the picture's own direction.
    for place in range(6):
        noise = grain.noise[place].flatten()
        share = torch.dot(noise, KNOWN.flatten()) / noise.norm() / KNOWN.norm()
        assert abs(share.item()) == pytest.approx(1.0, abs=1e-4)
    again = grain_of(stage, KNOWN, inverted=True)
    assert torch.equal(again.noise, grain.noise)
    assert network.calls == asked


def test_fresh_it_is_one_draw_at_every_level() -> None:
    grain = grain_of(stage_of(Half()), KNOWN, inverted=False)
    low, high = grain.at(level_of(0.1)), grain.at(level_of(14.0))
    assert torch.equal(low, high)
    assert low.std().item() == pytest.approx(1.0, abs=0.2)

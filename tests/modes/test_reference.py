"""When the reference goes through the network, with what, and when it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.settings import Settings, Txt2ImgSettings, UpscaleSettings
from backend.models.denoiser.reference import ReferenceAttention
from backend.models.text.conditioning import Conditioning
from backend.modes import reference
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.sampling.config import SchedulerConfig
from backend.sampling.schedule import make
from backend.sampling.types import Denoiser, Level

SCHEDULE = make("ddim", "model", 4, SchedulerConfig.from_dict({}), "sd")
PICTURE = np.full((16, 24, 3), 90, np.uint8)
LATENTS = torch.full((1, 4, 8, 8), 0.5)


class Noting:
    """A network and its control that note every call."""

    def __init__(self, in_channels: int) -> None:
        self.in_channels, self.model, self.calls = in_channels, object(), list[Any]()
        self.channels: torch.Tensor | None = None
        self.control: Noting | None = None

    def denoiser(self, conditioning: Sequence[Conditioning], channels: Any = None) -> Denoiser:
        self.channels = channels
        return self._noting("reference")

    def base(self, conditioning: Sequence[Conditioning], check: Any) -> Denoiser:
        return self._noting("rows")

    def _noting(self, who: str) -> Denoiser:
        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            self.calls.append((who, x, level))
            return x

        return denoise

    @contextmanager
    def during(self, call: str) -> Any:
        self.calls.append((call, None, None))
        yield

    def find(self, module: object, kind: type) -> Any:
        assert module is self.model
        assert kind is ReferenceAttention
        return self.control or self


def stage_of(settings: Settings, network: Noting) -> Stage[Settings]:
    def encode(model: Any, picture: Any, check: Any) -> tuple[torch.Tensor, torch.Tensor]:
        assert picture.shape == (64, 64, 3)  # of the size that is drawn
        return LATENTS, LATENTS

    model: Any = SimpleNamespace(network=network, patches=network, latent_channels=4)
    context: Any = SimpleNamespace(
        pictures={"reference": PICTURE},
        posteriors=SimpleNamespace(encode=encode),
        check=lambda: None,
    )
    return Stage(settings, model, context, SCHEDULE)


def asked(
    network: Noting, rows: int, step: int, check: Callable[[], None] = lambda: None, **values: Any
) -> None:
    values = {"width": 64, "height": 64, "reference_weight": 1.0} | values
    stage = stage_of(Txt2ImgSettings(**values), network)
    made = reference.referenced(stage, Span(SCHEDULE), network.base)
    one = Conditioning(torch.zeros(1, 7, 8), torch.zeros(1, 7, 8))
    x, level = SCHEDULE.asked(torch.zeros(rows, 4, 8, 8), step)
    made([one, one], check)(x, level)


def test_the_reference_goes_first_at_the_level_of_the_step() -> None:
    network = Noting(4)
    asked(network, 6, 2)
    assert [who for who, *_ in network.calls] == ["kept", "reference", "seen", "rows"]
    _, noised, level = network.calls[1]
    assert noised.shape == (2, 4, 8, 8)  # one for each half
    assert torch.equal(noised[0], noised[1])
    assert level.value == SCHEDULE.levels[2]
    grain = (noised - level.alpha_for(noised) * 0.5) / level.sigma_for(noised)
    assert abs(float(grain.std()) - 1) < 0.15
    again = Noting(4)
    asked(again, 6, 2, seed=77)
    assert torch.equal(again.calls[1][1], noised)  # whatever the seed
    assert network.channels is None


@pytest.mark.parametrize(("step", "acts"), [(0, False), (1, True), (2, True), (3, False)])
def test_it_acts_in_its_part_of_the_run_alone(step: int, acts: bool) -> None:
    network = Noting(4)
    asked(network, 2, step, reference_start=0.25, reference_end=0.75)
    assert [who for who, *_ in network.calls][-1] == "rows"
    assert len(network.calls) == (4 if acts else 1)


def test_a_job_that_runs_in_between_may_leave_another_control() -> None:
    """It is looked for after the check, in which such a job runs, and both calls follow it."""
    network, later = Noting(4), Noting(4)

    def interlude() -> None:
        assert network.calls == []
        network.control = later

    asked(network, 2, 1, interlude)
    assert [who for who, *_ in later.calls] == ["kept", "seen"]
    assert [who for who, *_ in network.calls] == ["reference", "rows"]


def test_an_inpainting_model_is_shown_it_with_nothing_to_paint() -> None:
    network = Noting(9)
    asked(network, 2, 0)
    assert network.channels is not None
    assert torch.equal(network.channels, torch.cat([torch.zeros(1, 1, 8, 8), LATENTS], 1))


@pytest.mark.parametrize("settings", [Txt2ImgSettings(), UpscaleSettings()])
def test_without_one_the_base_stays_itself(settings: Settings) -> None:
    network = Noting(4)
    base = network.base
    assert reference.referenced(stage_of(settings, network), Span(SCHEDULE), base) is base

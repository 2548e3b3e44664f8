"""The model under guidance, as settings ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.contracts.settings import Txt2ImgSettings
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.memory.devices import pick
from backend.modes.guide import make_denoiser
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Span
from backend.resolve.live import Course
from backend.sampling.types import Level
from tests.tiny import tiny_checkpoint


class Surroundings:
    """Counts the checks, one for each call of the network."""

    def __init__(self) -> None:
        self.checks = 0
        self.course = Course()
        self.pictures: dict[str, Any] = {}

    def check(self) -> None:
        self.checks += 1


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    root: Path = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    return FAMILIES.load(Catalog([root], FAMILIES).checkpoint("tiny"), pick("cpu", "float32"))


def staged(model: Checkpoint, **values: Any) -> tuple[Stage[Txt2ImgSettings], Surroundings]:
    settings = Txt2ImgSettings.model_validate(
        {"prompt": "a red house", "negative_prompt": "fog", "guidance_scale": 3.0, "steps": 8}
        | values
    )
    around = Surroundings()
    return stage_of(settings, model, around), around  # type: ignore[arg-type]


@torch.no_grad()
def asked(stage: Stage[Txt2ImgSettings], step: int = 2) -> torch.Tensor:
    """What the guided model says at a step of the schedule."""
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    x = x * stage.schedule.levels[step]
    level = Level.like(x, stage.schedule.levels[step], float(stage.schedule.timesteps[step]))
    return make_denoiser(stage, Span(stage.schedule))(x, level)


def test_guidance_goes_from_the_negative_beyond_the_positive(model: Checkpoint) -> None:
    stage, around = staged(model)
    guided = asked(stage)
    assert around.checks == 1
    positive = asked(staged(model, guidance_scale=1.0)[0])
    negative = asked(staged(model, prompt="fog", guidance_scale=1.0)[0])
    torch.testing.assert_close(guided, negative + 3 * (positive - negative), rtol=0, atol=1e-4)


def test_outside_its_part_of_the_run_the_prompt_alone_counts(model: Checkpoint) -> None:
    alone = asked(staged(model, guidance_scale=1.0)[0])
    part, _ = staged(model, guidance_start=0.5)
    assert torch.equal(asked(part), alone)
    assert not torch.equal(asked(part, 5), asked(staged(model, guidance_scale=1.0)[0], 5))


def test_a_threshold_bounds_what_guidance_makes(model: Checkpoint) -> None:
    wild = asked(staged(model, guidance_scale=30.0)[0])
    tamed = asked(staged(model, guidance_scale=30.0, threshold_ratio=0.9)[0])
    assert float(tamed.abs().max()) < 3.001 < float(wild.abs().max())


def test_two_prompts_blend_before_they_are_guided(model: Checkpoint) -> None:
    ends = [asked(staged(model, prompt_b="the sea", prompt_mix=mix)[0]) for mix in (0.0, 0.5, 1.0)]
    assert torch.equal(ends[0], asked(staged(model)[0]))
    assert torch.equal(ends[2], asked(staged(model, prompt="the sea")[0]))
    assert not torch.equal(ends[1], ends[0])


def test_channels_that_the_network_does_not_take_are_refused(model: Checkpoint) -> None:
    stage, _ = staged(model)
    with pytest.raises(BadInput, match="inpainting model"):
        make_denoiser(stage, Span(stage.schedule), channels=torch.zeros(1, 5, 8, 8))


def test_parts_joined_by_and_steer_side_by_side_in_one_call(model: Checkpoint) -> None:
    stage, around = staged(model, prompt="a red house AND the sea :-0.5")
    both = asked(stage)
    assert around.checks == 1
    house, sea, fog = (
        asked(staged(model, prompt=prompt, guidance_scale=1.0)[0])
        for prompt in ("a red house", "the sea", "fog")
    )
    expected = fog + 3 * ((house - fog) - 0.5 * (sea - fog))
    torch.testing.assert_close(both, expected, rtol=0, atol=1e-4)
    unguided = asked(staged(model, prompt="a red house AND the sea :-0.5", guidance_scale=1.0)[0])
    torch.testing.assert_close(unguided, house - 0.5 * (sea - fog), rtol=0, atol=1e-4)


def test_parts_come_and_go_with_the_steps(model: Checkpoint) -> None:
    stage, _ = staged(model, prompt="a red house[: AND the sea:4]")
    assert torch.equal(asked(stage, 2), asked(staged(model)[0], 2))
    joined, _ = staged(model, prompt="a red house AND the sea")
    assert torch.equal(asked(stage, 5), asked(joined, 5))

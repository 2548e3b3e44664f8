"""Stages and ends of a morph on the tiny model, without an engine."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch

from backend.contracts.events import Progress
from backend.contracts.settings import MorphSettings
from backend.models.checkpoint import Checkpoint
from backend.modes.context import Context
from backend.modes.morph.ends import End
from backend.modes.stage import Stage, stage_of
from backend.sampling.types import Step


class Sink:
    """Keeps the steps that it is shown."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def begin(self, *given: object) -> None:
        """Nothing to do."""

    def step(self, step: Step) -> None:
        """Keeps it."""
        self.steps.append(step)


def staged(
    model: Checkpoint,
    check: Callable[[], None] = lambda: None,
    report: Callable[[Progress], None] = lambda progress: None,
    **values: Any,
) -> Stage[MorphSettings]:
    """A stage of a quick morph of 64 px."""
    settings = MorphSettings.model_validate(
        {
            "prompt_a": "a red house",
            "prompt_b": "a boat",
            "model": "tiny",
            "steps": 4,
            "seed": 3,
            "seed_a": 7,
            "seed_b": 9,
            "width": 64,
            "height": 64,
            "frames": 3,
            "method": "quick",
            "guidance_scale": 1.0,
            "inversion_refine": 0,
            **values,
        }
    )
    nothing: Any = None
    job: Any = SimpleNamespace(check=check, report=report, inform=lambda facts: None, interludes=[])
    context = Context(job, nothing, Sink(), nothing, nothing)  # type: ignore[arg-type]
    return stage_of(settings, model, context)


def end(model: Checkpoint, prompt: str, seed: int) -> End:
    """An end whose picture and noise are random."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 1, 4, 8, 8, generator=generator)
    return End(prompt, model.text.encode([prompt]), start=x[0] * 14.0, latents=x[1])

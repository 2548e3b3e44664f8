"""A cascade: each stage draws what the one before it made, larger (2205.11487, sec. 2.4).

The prompt is embedded once, by the first stage, for all that have no text encoder. Each stage draws
its noise anew from the seed, so that what it makes of a small picture depends on that alone. A
model of pixels hands on its numbers as they are, any other its decoded picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import torch

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.requests import Branch
from backend.contracts.settings import EnlargingStage, Settings, Txt2ImgSettings
from backend.models.checkpoint import Checkpoint
from backend.modes.context import Context
from backend.modes.diffused import drawn, read_ahead, reader
from backend.modes.hires import Drawn
from backend.modes.leasing import leased
from backend.modes.mode import Task
from backend.modes.one_pass import STANDARD_TILE_PX
from backend.modes.record import outputs
from backend.modes.run import Shown
from backend.modes.stage import Stage, stage_of
from backend.sampling.types import Step

Small = torch.Tensor | Pixels
DrawFirst = Callable[[Task[Txt2ImgSettings], Checkpoint, Context, int], Drawn]


def run(
    request: Task[Txt2ImgSettings], context: Context, draw_first: DrawFirst
) -> Iterator[Output]:
    """Runs all stages; a branch goes on from its step, and what was drawn before it is taken.

    Args:
        request: Settled, with further stages.
        context: The job's surroundings.
        draw_first: Draws the first stage, given the steps of those to come.

    Yields:
        The pictures of the first stage, of the second, and so on.
    """
    settings = request.settings
    stages = settings.later_stages
    past = _past(request.branch, context)
    after = [sum(own.steps for own in stages[number:]) for number in range(len(stages) + 1)]
    with leased(context.models, settings) as model:
        stage = stage_of(settings.first_stage, model, context)
        if len(past) > 1:
            first = Drawn(_taken(stage, past[0], after[0], continues=False), {})
        else:
            first = draw_first(request, model, context, after[0])
        kept = read_ahead(model.text, stages)
        named = {"name": model.name, "hash": model.hash}
        told = _Told(settings, named, {"lora_hashes": first.hashes} if first.hashes else {})
        yield from told.pictures(stage, first.latents, 0)
        small = _handed_on(model, first.latents, context)
    for number, own in enumerate(stages, 1):
        context.report(Progress("loading", note=f"Loading {own.model}"))
        with leased(context.models, own) as model:
            stage = stage_of(own, model, context)
            if len(past) > number + 1:
                latents = _taken(stage, past[number], after[number], continues=True)
            else:
                latents = drawn(
                    stage,
                    small,
                    STANDARD_TILE_PX,
                    after=after[number],
                    branch=request.branch if len(past) == number + 1 else None,
                    continues=True,
                    text=kept if model.info.reader == settings.model else reader(stage),
                )
            yield from told.pictures(stage, latents, number)
            small = _handed_on(model, latents, context)


def _past(branch: Branch | None, context: Context) -> list[list[tuple[Settings, Step]]]:
    """The steps that a branch goes on from, stage by stage; its own stage's come last."""
    if branch is None:
        return []
    stored = [context.branches.load(branch.token, i) for i in range(branch.step + 1)]
    return [list(steps) for _, steps in groupby(stored, key=lambda one: one[0].drawn_size)]


def _taken(
    stage: Stage[Settings], past: list[tuple[Settings, Step]], after: int, *, continues: bool
) -> torch.Tensor:
    """What a stage drew in the run that is gone on with; its steps are shown again."""
    steps = tuple(step for _, step in past)
    Shown(stage, before=steps, after=after, continues=continues).begin()
    return steps[-1].x * stage.schedule.final_scale


def _handed_on(model: Checkpoint, latents: torch.Tensor, context: Context) -> Small:
    """What the next stage is shown: (B, 3, h, w) in about [-1, 1], or (B, h, w, 3) uint8."""
    if model.vae_factor == 1:
        return model.codec.pixels(latents)
    return model.codec.decode(latents, context.check)


class _Told:
    """What the pictures' records say: the settings up to their stage make them again."""

    def __init__(
        self, settings: Txt2ImgSettings, model: dict[str, str], facts: dict[str, Any]
    ) -> None:
        self._settings = settings
        self._model = model
        self._facts = facts
        self._hashes: dict[str, str] = {}

    def pictures(
        self, stage: Stage[Settings], latents: torch.Tensor, number: int
    ) -> Iterator[Output]:
        """Decoded, one after the other; `number` counts the stages from 0."""
        stage.context.report(Progress("decoding"))
        if isinstance(stage.settings, EnlargingStage):
            self._hashes = self._hashes | {stage.model.name: stage.model.hash}
        own = replace(stage, settings=self._settings.up_to(number))
        facts = self._facts | {"stage": number + 1}
        facts |= {"stage_hashes": self._hashes} if self._hashes else {}
        for made in outputs(own, latents, facts, first=number * len(latents)):
            yield replace(made, record=replace(made.record, model=self._model))

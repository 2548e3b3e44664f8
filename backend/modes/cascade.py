"""A cascade: each stage draws what the one before it made, larger (2205.11487, sec. 2.4).

The prompt is embedded once, by the first stage, for all that have no text encoder. Each stage draws
its noise anew from the seed, so that what it makes of a small picture depends on that alone. A
model of pixels hands on its numbers as they are, any other its decoded picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby

import numpy as np
import torch

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.requests import Branch
from backend.contracts.settings import EnlargingStage, Settings, Txt2ImgSettings
from backend.models.autoencoder.uint8 import to_uint8
from backend.models.checkpoint import Checkpoint
from backend.models.parts import Text
from backend.modes.context import Context
from backend.modes.diffused import drawn, finished, read_ahead, reader
from backend.modes.hires import Drawn
from backend.modes.leasing import Held, Needs
from backend.modes.mode import Task
from backend.modes.one_pass import STANDARD_TILE_PX
from backend.modes.record import outputs
from backend.modes.run import conduct
from backend.modes.stage import Stage, stage_of
from backend.modes.watching import Shown
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
    drawing = _Cascade(request, context, draw_first)
    yield from conduct(Needs.of(request.settings), context, drawing.first)
    for number, own in enumerate(request.settings.later_stages, 1):
        yield from conduct(Needs.of(own), context, partial(drawing.later, number, own))


class _Cascade:
    """A run under way: what a stage leaves for those to come."""

    def __init__(
        self, request: Task[Txt2ImgSettings], context: Context, draw_first: DrawFirst
    ) -> None:
        self._request, self._context, self._draw_first = request, context, draw_first
        stages = request.settings.later_stages
        self._past = _past(request.branch, context)
        self._after = [sum(own.steps for own in stages[n:]) for n in range(len(stages) + 1)]
        self._text: Text | None = None
        self._told: _Told | None = None
        self._small: Small | None = None

    def first(self, held: Held) -> Iterator[Output]:
        """The first stage, from noise; its model reads the prompt for those that cannot."""
        settings, model = self._request.settings, held.model
        stage = stage_of(settings.first_stage, model, self._context)
        if len(self._past) > 1:
            made = Drawn(_taken(stage, self._past[0], self._after[0], continues=False), {})
        else:
            made = self._draw_first(self._request, model, self._context, self._after[0])
        self._text = read_ahead(model.text, settings.later_stages)
        named = {"name": model.name, "hash": model.hash}
        self._told = _Told(settings, named, {"lora_hashes": made.hashes} if made.hashes else {})
        yield from self._told.pictures(stage, made.latents, 0)
        self._small = _handed_on(model, made.latents, self._context)

    def later(self, number: int, own: EnlargingStage, held: Held) -> Iterator[Output]:
        """Stage `number`, counted from 0."""
        assert self._told is not None, "`first` comes first"
        assert self._small is not None, "`first` comes first"
        past, after, model = self._past, self._after[number], held.model
        stage = stage_of(own, model, self._context)
        if len(past) > number + 1:
            latents = _taken(stage, past[number], after, continues=True)
        else:
            reads = model.info.reader == self._request.settings.model
            latents = drawn(
                stage,
                self._small,
                STANDARD_TILE_PX,
                after=after,
                branch=self._request.branch if len(past) == number + 1 else None,
                continues=True,
                text=self._text if reads else reader(stage),
            )
        keep = _Kept(model, self._small)
        yield from self._told.pictures(stage, latents, number, keep)
        self._small = _handed_on(model, latents, self._context, keep)


class _Kept:
    """A stage's pictures, each finished beside the small one that it was made from.

    Args:
        model: Of the stage.
        small: What it was shown, one for each picture.
    """

    def __init__(self, model: Checkpoint, small: Small) -> None:
        self.model = model
        self.small = to_uint8(small) if isinstance(small, torch.Tensor) else small

    @property
    def acts(self) -> bool:
        """Whether it changes them."""
        can = self.model.info.anatomy.can.enlarges
        return can is not None and can.faithful

    def finished(self, picture: Pixels, place: int) -> Pixels:
        """The picture at a place of the batch, finished."""
        return finished(self.model, picture, self.small[place])


def _past(branch: Branch | None, context: Context) -> list[tuple[Step, ...]]:
    """The steps that a branch goes on from, stage by stage; its own stage's come last."""
    if branch is None:
        return []
    stored = [context.branches.load(branch.token, i) for i in range(branch.step + 1)]
    stages = groupby(stored, key=lambda one: one.stage)
    return [tuple(past.step for past in steps) for _, steps in stages]


def _taken(
    stage: Stage[Settings], steps: tuple[Step, ...], after: int, *, continues: bool
) -> torch.Tensor:
    """What a stage drew in the run that is gone on with; its steps are shown again."""
    Shown(stage, before=steps, after=after, continues=continues).begin()
    return steps[-1].x * stage.schedule.final_scale


def _handed_on(
    model: Checkpoint, latents: torch.Tensor, context: Context, keep: _Kept | None = None
) -> Small:
    """What the next stage is shown: (B, 3, h, w) in about [-1, 1], or (B, h, w, 3) uint8."""
    if keep is None or not keep.acts:
        exact = model.vae_factor == 1
        return model.codec.pixels(latents) if exact else model.codec.decode(latents, context.check)
    decoded = model.codec.decode(latents, context.check)
    return np.stack([keep.finished(picture, place) for place, picture in enumerate(decoded)])


class _Told:
    """What the pictures' records say: the settings up to their stage make them again."""

    def __init__(
        self, settings: Txt2ImgSettings, model: dict[str, str], facts: dict[str, object]
    ) -> None:
        self._settings = settings
        self._model = model
        self._facts = facts
        self._hashes: dict[str, str] = {}

    def pictures(
        self,
        stage: Stage[Settings],
        latents: torch.Tensor,
        number: int,
        keep: _Kept | None = None,
    ) -> Iterator[Output]:
        """Decoded, one after the other; `number` counts the stages from 0."""
        stage.context.report(Progress("decoding"))
        if isinstance(stage.settings, EnlargingStage):
            self._hashes = self._hashes | {stage.model.name: stage.model.hash}
        own = replace(stage, settings=self._settings.up_to(number))
        facts = self._facts | {"stage": number + 1}
        facts |= {"final_stage": True} if number == len(self._settings.later) else {}
        facts |= {"stage_hashes": self._hashes} if self._hashes else {}
        for place, made in enumerate(outputs(own, latents, facts, first=number * len(latents))):
            image = made.image if keep is None else keep.finished(made.image, place)
            yield replace(made, image=image, record=replace(made.record, model=self._model))

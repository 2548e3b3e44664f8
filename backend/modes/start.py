"""Where a walk begins: its noise, or the stored step of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from backend.contracts.errors import BadInput
from backend.contracts.requests import Branch
from backend.contracts.settings import Settings, seed_after
from backend.models.checkpoint import Checkpoint
from backend.models.memory.devices import Device
from backend.modes.fanning import fanned, repeated
from backend.modes.stage import Stage
from backend.sampling import schedule as schedules
from backend.sampling.noise import SeededNoise, VariationNoise
from backend.sampling.types import NoiseSource, Resume, Schedule, Step


def make_noise(
    settings: Settings,
    model: Checkpoint,
    leaning: int = 0,
    others: Mapping[int, tuple[int, int, int]] | None = None,
) -> NoiseSource:
    """One generator an image.

    Image i has seed + i. With a variation, as in A1111, all images share the seed and image i
    leans towards variation_seed + i.

    Args:
        leaning: Which draw starts the run, and so leans.
        others: Draws of another shape, see `SeededNoise`.
    """
    width, height = settings.drawn_size
    shape = (model.latent_channels, height // model.vae_factor, width // model.vae_factor)
    device = model.target.device
    pinned = Device(device).pins
    base = SeededNoise(seeds(settings), shape, device, pinned=pinned, others=others)
    if settings.variation_strength == 0:
        return base
    other = SeededNoise(variation_seeds(settings), shape, device, pinned=pinned, others=others)
    return VariationNoise(base, other, settings.variation_strength, leaning)


def seeds(settings: Settings) -> list[int]:
    """Seed of each image of a request."""
    varied = settings.variation_strength > 0
    return [settings.image_seed(0 if varied else i) for i in range(settings.batch_size)]


def variation_seeds(settings: Settings) -> list[int]:
    """Variation seed of each image of a request."""
    first = settings.variation_seed
    return [seed_after(first, i) for i in range(settings.batch_size)]


class Span(NamedTuple):
    """The run that fractions and the numbers of steps are counted over.

    Attributes:
        schedule: The levels of a walk.
        first: The step of it that is the run's first: image-to-image begins part-way. Below 0
            where the walk is the rest of a run: step 0 of the walk is then step -first of the run.
    """

    schedule: Schedule
    first: int = 0

    @property
    def total(self) -> int:
        """Steps of the run."""
        return max(1, self.schedule.steps - self.first)


@dataclass(frozen=True)
class Origin:
    """Where a walk begins.

    Attributes:
        schedule: The levels that it walks.
        x: (B, C, h, w) float32, variance-exploding scale, at the level of the first step.
        resume: The step of an earlier run to go on from, when nothing about the walk changed.
        before: Steps of the same stage of the earlier run, up to that one.
        start: First step of the schedule to run, where nothing is resumed.
        skipped: Steps of the settings' schedule that lie above this one's: a branch with another
            sampler goes on in the middle of what its settings would walk as a whole.
        began: The step of this schedule that the run began with; see `Span.first`.
    """

    schedule: Schedule
    x: torch.Tensor
    resume: Resume | None = None
    before: tuple[Step, ...] = ()
    start: int = 0
    skipped: int = 0
    began: int = 0

    @property
    def first(self) -> int:
        """Index of the first step that is still to run."""
        return self.start if self.resume is None else self.resume.index + 1

    @property
    def counted(self) -> int:
        """The step of the schedule that progress counts as the first."""
        return max(0, self.began)

    @property
    def span(self) -> Span:
        """What fractions of the run are counted over."""
        return Span(self.schedule, self.began)


def fresh(stage: Stage[Settings], noise: NoiseSource) -> Origin:
    """The next noise, at the top of the stage's schedule."""
    return Origin(stage.schedule, noise.draw() * stage.schedule.init_scale)


def origin(branch: Branch | None, stage: Stage[Settings], noise: NoiseSource) -> Origin:
    """Noise, or the stored step to go on from.

    Raises:
        BadInput: The branch has another size or batch than its run.
    """
    return fresh(stage, noise) if branch is None else branched(branch, stage, noise)


def branched(branch: Branch, stage: Stage[Settings], noise: NoiseSource, first: int = 0) -> Origin:
    """The stored step that a request branches from.

    Args:
        branch: Which.
        stage: That goes on from it.
        noise: Of the stage.
        first: The step that a run of the stage as a whole would begin with.

    Raises:
        BadInput: The branch has another size or batch than its run.
    """
    context, settings, schedule = stage.context, stage.settings, stage.schedule
    stored = [context.branches.load(branch.token, i) for i in range(branch.step + 1)]
    here = stored[-1]
    step = here.step
    check_branch(here.settings, settings, branch)
    before = tuple(past.step for past in stored if past.stage == here.stage)
    if branch.fan:
        rows = settings.batch_size
        step = fanned(step, branch.image, rows, noise)
        before = (*(repeated(past, branch.image, rows) for past in before[:-1]), step)
    if _same_walk(here.settings, settings) and _stands_in(schedule, step):
        resume = Resume(step.index, step.state)
        return Origin(schedule, step.x, resume, before, began=_began(before))
    noise.skip_to(step.state.draws)
    shorter = schedules.continued(settings.sampler, schedule, step.sigma, stage.config)
    skipped = max(0, schedule.steps - shorter.steps)
    return Origin(shorter, step.x, before=before, skipped=skipped, began=min(0, first - skipped))


def _same_walk(past: Settings, settings: Settings) -> bool:
    return all(
        getattr(past, name) == getattr(settings, name)
        for name in ("model", "sampler", "schedule", "steps", "own_time_steps")
    )


def _stands_in(schedule: Schedule, step: Step) -> bool:
    """Whether it is a step of this schedule, not of the rest of one that a branch walked."""
    return step.total == schedule.steps and step.sigma == schedule.levels[step.index + 1]


def _began(before: Sequence[Step]) -> int:
    """The step that the last of the stored walks began with."""
    first = before[-1]
    for step in reversed(before[:-1]):
        if (step.index, step.total) != (first.index - 1, first.total):
            break
        first = step
    return first.index


def check_branch(past: Settings, settings: Settings, branch: Branch | None = None) -> None:
    """Refuses a branch that cannot go on from its run's latents.

    Args:
        past: Settings of the stage that the stored step belongs to.
        settings: Of the branch.
        branch: Whether it fans out; None does not.
    """
    settings = settings.part_like(past)
    if past.mode != settings.mode:
        raise BadInput(f"That run was made in {past.mode}; branch from it there.")
    if past.drawn_size != settings.drawn_size:
        width, height = past.drawn_size
        raise BadInput(
            f"A branch keeps the size of its run, {width}x{height} px; set the size back "
            "or start a new run.",
            "width",
        )
    alone = settings.one_work or past.picture_count == past.batch_size
    if not alone or (not settings.one_work and settings.picture_count > settings.batch_size):
        field = "compare" if settings.mode == "lora_mix" else "strengths"
        what = "LoRAs" if field == "compare" else "strengths"
        raise BadInput(
            f"Several {what} side by side cannot be branched; run the one that you like alone "
            "and branch from that.",
            field,
        )
    if settings.batch_count > 1:
        raise BadInput("A branch is one batch; set the batch count to 1.", "batch_count")
    if settings.one_work and past.picture_count != settings.picture_count:
        raise BadInput(
            f"That run has {past.picture_count} frames, and these settings take "
            f"{settings.picture_count}; set first, last and every back, or start a new run.",
            "first_frame",
        )
    if branch is not None and branch.fan:
        if not 0 <= branch.image < past.batch_size:
            raise BadInput(f"That run made {past.batch_size} pictures; choose one of them.")
        if settings.one_work:
            raise BadInput("The frames of one work go on together; branch from it without a fan.")
        return
    if past.batch_size != settings.batch_size:
        raise BadInput(
            f"A branch keeps the batch of its run, {past.batch_size}; set it back or start a new "
            "run.",
            "batch_size",
        )

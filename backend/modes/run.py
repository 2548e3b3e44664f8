"""The one loop: every mode says what is run, and `drive` runs it.

Nothing else in the product imports `sample`, `lockstep` or `invert`; a test holds that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import torch

from backend.contracts.events import Progress
from backend.contracts.events import Stage as Phase
from backend.contracts.settings import Settings
from backend.contracts.settings.kinds import Variance
from backend.modes.context import Context
from backend.modes.stage import Stage
from backend.modes.start import Origin
from backend.sampling import inversion
from backend.sampling.lockstep import Lane, lockstep
from backend.sampling.samplers import sample
from backend.sampling.types import Denoiser, NoiseSource, Schedule, Step


class Walk(Protocol):
    """Any iterator of steps, and where it begins and ends."""

    @property
    def x(self) -> torch.Tensor:
        """(B, C, h, w) before the first step; the result, where there is none."""
        ...

    @property
    def first(self) -> int:
        """Number of the first step."""
        ...

    @property
    def scale(self) -> float:
        """The result is the last x times this."""
        ...

    def steps(self) -> Iterator[Step]:
        """Takes the steps, one a `next`."""
        ...


@dataclass(frozen=True, eq=False)
class Sampled:
    """A sampler from its origin down.

    Attributes:
        sampler: Its name.
        denoiser: The model under guidance.
        origin: Where it begins, on which schedule.
        noise: What random samplers draw from.
        eta: Fresh noise of `ddim`.
        variance: Of `ddim`, see there.
    """

    sampler: str
    denoiser: Denoiser
    origin: Origin
    noise: NoiseSource
    eta: float = 0.0
    variance: Variance = "eta"

    @property
    def x(self) -> torch.Tensor:
        return self.origin.x

    @property
    def first(self) -> int:
        return self.origin.first

    @property
    def scale(self) -> float:
        return self.origin.schedule.final_scale

    def steps(self) -> Iterator[Step]:
        return sample(
            self.sampler,
            self.denoiser,
            self.origin.x,
            self.origin.schedule,
            self.noise,
            eta=self.eta,
            variance=self.variance,
            start=self.origin.start,
            resume=self.origin.resume,
        )


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Several runs down one schedule, together; the rows of x come lane by lane.

    Attributes:
        stage: Whose sampler and schedule.
        lanes: The runs.
    """

    stage: Stage[Settings]
    lanes: Sequence[Lane]

    @property
    def x(self) -> torch.Tensor:
        return torch.cat([lane.x for lane in self.lanes])

    @property
    def first(self) -> int:
        return min(lane.start for lane in self.lanes)

    @property
    def scale(self) -> float:
        return self.stage.schedule.final_scale

    def steps(self) -> Iterator[Step]:
        settings = self.stage.settings
        return lockstep(
            settings.sampler,
            self.lanes,
            self.stage.schedule,
            eta=settings.eta,
            variance=settings.variance,
        )


@dataclass(frozen=True, eq=False)
class Inverted:
    """From pictures up the schedule of `ddim`; the result is where sampling starts.

    Attributes:
        denoiser: Without guidance.
        latents: (B, C, h, w) of the pictures.
        schedule: Made for `ddim`.
        refine: See `inversion.invert`.
        count: How many steps, from the lowest; None is all.
    """

    denoiser: Denoiser
    latents: torch.Tensor
    schedule: Schedule
    refine: int
    count: int | None = None

    @property
    def x(self) -> torch.Tensor:
        return self.latents / self.schedule.final_scale

    @property
    def first(self) -> int:
        return 0

    @property
    def scale(self) -> float:
        return 1.0

    def steps(self) -> Iterator[Step]:
        steps = inversion.invert(self.denoiser, self.x, self.schedule, refine=self.refine)
        return islice(steps, self.count)


class Watch(Protocol):
    """Whom a walk is shown to."""

    def begin(self) -> None:
        """Before the first step."""
        ...

    def step(self, step: Step) -> None:
        """After each step; must not wait for the device."""
        ...


@dataclass(frozen=True, eq=False)
class Shown:
    """To the person who asked: preview, timeline and progress over all stages.

    Attributes:
        stage: Whose settings the timeline names.
        first: The step of its schedule that is counted as the first.
        before: Stored steps that the walk goes on from.
        after: Steps of the stages to come.
        continues: The stage follows another of the same run.
    """

    stage: Stage[Settings]
    first: int = 0
    before: tuple[Step, ...] = ()
    after: int = 0
    continues: bool = False

    def begin(self) -> None:
        sink, settings = self.stage.context.steps, self.stage.settings
        if self.continues:
            sink.next_stage(settings, self.stage.model.previewer, self.first, self.after)
        else:
            sink.begin(settings, self.stage.model.previewer, self.first, self.after)
        for step in self.before:
            sink.replay(step)

    def step(self, step: Step) -> None:
        self.stage.context.steps.step(step)


@dataclass(frozen=True, eq=False)
class Counted:
    """A preparation: its progress alone is told.

    Attributes:
        context: The job's surroundings.
        phase: What is going on.
        total: Steps in all.
        done: Steps of earlier walks that count too, less those that this one skips.
        note: In words.
    """

    context: Context
    phase: Phase
    total: int
    done: int = 0
    note: str = ""

    def begin(self) -> None:
        """Nothing is told before the first step."""

    def step(self, step: Step) -> None:
        done = self.done + step.index + 1
        self.context.report(Progress(self.phase, done, self.total, note=self.note))


class Unseen:
    """Nobody: whoever runs it tells of it by themselves."""

    def begin(self) -> None:
        """Nothing to do."""

    def step(self, step: Step) -> None:
        """Nothing to do."""


@dataclass(frozen=True, eq=False)
class Run:
    """One walk of a job.

    Attributes:
        walk: What takes the steps.
        watch: Whom they are shown to.
        follow: Told the number of the step to come, before the first and after each: what acts
            in a part of the run only, such as LoRAs, is switched there, between model calls.
        keep: Told x after each step.
        rows: Those of the batch that are shown and are the result; others run along.
    """

    walk: Walk
    watch: Watch
    follow: Callable[[int], None] | None = None
    keep: Callable[[torch.Tensor], None] | None = None
    rows: slice | None = None


def drive(run: Run) -> torch.Tensor:
    """Runs it to its end; the only loop over steps.

    Returns:
        (B, C, h, w): the last x, in the scale that the decoder takes.

    Raises:
        Cancelled: Between two model calls, as every reason to stop.
    """
    x = run.walk.x
    run.watch.begin()
    if run.follow is not None:
        run.follow(run.walk.first)
    for step in run.walk.steps():
        run.watch.step(step if run.rows is None else _only(step, run.rows))
        x = step.x
        if run.keep is not None:
            run.keep(x)
        if run.follow is not None:
            run.follow(step.index + 1)
    return (x if run.rows is None else x[run.rows]) * run.walk.scale


def _only(step: Step, rows: slice) -> Step:
    return Step(step.index, step.total, step.sigma, step.x[rows], step.x0[rows], step.state)

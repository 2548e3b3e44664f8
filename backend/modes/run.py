"""The one loop: every mode says what is run and with what, and `drive` runs it.

Nothing else in the product imports `sample`, `lockstep` or `invert`, takes models from the cache
for a mode, or puts LoRAs and attention into force: tests hold that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol, TypeVar

import torch

from backend.contracts.events import Output, Progress
from backend.contracts.settings import Settings
from backend.contracts.settings.forecast import ForecastFields
from backend.contracts.settings.kinds import Variance
from backend.models.interludes import Interludes
from backend.models.manager import ModelManager
from backend.modes.context import Context
from backend.modes.stage import Stage
from backend.modes.start import Origin
from backend.modes.watching import Watch
from backend.sampling import forecast, inversion
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
        skip: The steps whose x0 the denoiser foretells.
    """

    sampler: str
    denoiser: Denoiser
    origin: Origin
    noise: NoiseSource
    eta: float = 0.0
    variance: Variance = "eta"
    skip: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, settings: Settings, denoiser: Denoiser, origin: Origin, noise: NoiseSource
    ) -> Sampled:
        """By the sampler of settings, with the steps foretold that they say."""
        skip: frozenset[int] = frozenset()
        if isinstance(settings, ForecastFields) and settings.forecasts:
            schedule = origin.schedule
            skip = forecast.skipped(schedule, settings.forecast_share, origin.counted)
            past = {} if origin.resume is None else forecast.known(origin.before, schedule)
            denoiser = forecast.Forecast(
                denoiser, schedule, skip, past, reuse=settings.forecast == "reuse"
            )
        told = (settings.eta, settings.variance)
        return cls(settings.sampler, denoiser, origin, noise, *told, skip)

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
        for step in self._sampled():
            yield replace(step, forecast=True) if step.index in self.skip else step

    def _sampled(self) -> Iterator[Step]:
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


class Change(Protocol):
    """What a model is under for a while, e.g. LoRAs that act in a part of the run."""

    def installed(self) -> AbstractContextManager[object]:
        """In force while the context lasts; in force already, it stays so."""
        ...

    def at(self, step: int) -> None:
        """Brings it to what a step of the settings' schedule runs with, between model calls."""
        ...


@dataclass(frozen=True, eq=False)
class Steady:
    """A change that the steps of a run do not switch.

    Attributes:
        change: It stays as it is put in, or whoever calls the model switches it.
    """

    change: Change

    def installed(self) -> AbstractContextManager[object]:
        return self.change.installed()

    def at(self, step: int) -> None:
        """Nothing is switched."""


@dataclass(frozen=True, eq=False)
class Run:
    """One walk of a job.

    Attributes:
        walk: Makes what takes the steps, e.g. encodes the prompt; called with all of `under` in
            force.
        watch: Whom they are shown to.
        under: What the model is under meanwhile, put in in this order.
        skipped: Steps of the settings' schedule above the walk's; see `Origin.skipped`.
        follow: Told the number of the walk's step to come, before the first and after each.
        keep: Told x after each step.
        rows: Those of the batch that are shown and are the result; others run along.
    """

    walk: Callable[[], Walk]
    watch: Watch
    under: Sequence[Change] = ()
    skipped: int = 0
    follow: Callable[[int], None] | None = None
    keep: Callable[[torch.Tensor], None] | None = None
    rows: slice | None = None

    def turn_to(self, step: int) -> None:
        """Before a step of the walk: what acts in a part of the run only is switched."""
        for change in self.under:
            change.at(self.skipped + step)
        if self.follow is not None:
            self.follow(step)


def drive(run: Run) -> torch.Tensor:
    """Runs it to its end; the only loop over steps.

    Returns:
        (B, C, h, w): the last x, in the scale that the decoder takes.

    Raises:
        Cancelled: Between two model calls, as every reason to stop.
    """
    return during(run.under, lambda: _driven(run))


def _driven(run: Run) -> torch.Tensor:
    walk = run.walk()
    x = walk.x
    run.watch.begin()
    run.turn_to(walk.first)
    for step in walk.steps():
        run.watch.step(step if run.rows is None else _only(step, run.rows))
        x = step.x
        if run.keep is not None:
            run.keep(x)
        run.turn_to(step.index + 1)
    return (x if run.rows is None else x[run.rows]) * walk.scale


def _only(step: Step, rows: slice) -> Step:
    return replace(step, x=step.x[rows], x0=step.x0[rows])


ResultT = TypeVar("ResultT")
HeldT = TypeVar("HeldT")
HeldT_co = TypeVar("HeldT_co", covariant=True)


def during(changes: Sequence[Change], work: Callable[[], ResultT]) -> ResultT:
    """Several runs, and what lies between them, under the same changes."""
    with ExitStack() as stack:
        for change in changes:
            stack.enter_context(change.installed())
        return work()


class Lease(Protocol[HeldT_co]):
    """What a job needs from the cache."""

    @property
    def name(self) -> str:
        """What is loaded."""
        ...

    def taken(
        self, models: ModelManager[Any], interludes: Interludes | None = None
    ) -> AbstractContextManager[HeldT_co]:
        """Kept there while the context lasts; what it changes steps aside in the interludes."""
        ...


def conduct(
    lease: Lease[HeldT], context: Context, draw: Callable[[HeldT], Iterator[Output]]
) -> Iterator[Output]:
    """A job, or a part of one: what it needs is leased from its first run to its last picture.

    Args:
        lease: What it needs.
        context: Its surroundings.
        draw: Draws with that.
    """
    context.report(Progress("loading", note=f"Loading {lease.name}"))
    with lease.taken(context.models, context.interludes) as held:
        yield from draw(held)


def using(lease: Lease[HeldT], context: Context, work: Callable[[HeldT], ResultT]) -> ResultT:
    """Work that draws nothing, with what it needs leased meanwhile."""
    with lease.taken(context.models, context.interludes) as held:
        return work(held)

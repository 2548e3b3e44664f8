"""What a mode is given by the engine, as protocols: modes never import the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.requests import Request
from backend.models.autoencoder.posterior import PosteriorCache
from backend.models.autoencoder.preview import Previewer, PreviewKind
from backend.modes.end_cache import EndCache
from backend.resolve.live import Course, Wish

if TYPE_CHECKING:
    import torch

    from backend.contracts.settings import Settings
    from backend.contracts.stored import StoredStep
    from backend.models.checkpoint import Checkpoint
    from backend.models.lora.file import LoraFile
    from backend.models.manager import ModelManager
    from backend.sampling.types import Step


MakePreviewer = Callable[[PreviewKind], Previewer]
Frames = NDArray[np.uint8]  # (B, h, w, 3)


class StepSink(Protocol):
    """Takes each step for the preview and the timeline."""

    def begin(
        self, settings: Settings, previewer: MakePreviewer, first: int = 0, after: int = 0
    ) -> None:
        """Announces a run that begins with step `first` of its schedule.

        Args:
            after: Steps of the stages that follow, for the count.
        """
        ...

    def batch(self, number: int, count: int) -> None:
        """Says that the run to begin is number `number`, from 0, of `count` alike."""
        ...

    def show(self, frames: Frames) -> None:
        """Shows pictures that are known before any step is drawn, as the ends of a morph."""
        ...

    def next_stage(
        self, settings: Settings, previewer: MakePreviewer, first: int = 0, after: int = 0
    ) -> None:
        """The steps from here on are of another schedule, size or model; see `begin`."""
        ...

    def replay(self, step: Step) -> None:
        """Adopts a step of the run that this one branches from."""
        ...

    def sheet(
        self, compose: Callable[[Frames], Frames], shape: tuple[tuple[int, int], int], total: int
    ) -> None:
        """Says that the runs from here on are parts of one picture; no timeline is kept of them.

        Args:
            compose: Previews of the running part, (B, h, w, 3), to that of the whole.
            shape: Size of the whole, px, and how many pictures a step of the next run is for.
            total: Model steps of all parts, of each picture its own.
        """
        ...

    def pulled(self, step: int, losses: torch.Tensor) -> None:
        """Offers how far each picture (B,) is from what steers it, before step `step` of its run;
        must not synchronise with the device."""
        ...

    def step(self, step: Step) -> None:
        """Offers one step; must not synchronise with the device."""
        ...


class BranchSource(Protocol):
    """Finds the stored steps of earlier runs."""

    def load(self, token: str, step: int) -> StoredStep[Step]:
        """The step; raises UnknownName when it is gone."""
        ...


Interlude = Callable[[], AbstractContextManager[None]]


class Running(Protocol):
    """The job, as whoever draws it sees it."""

    @property
    def interludes(self) -> list[Interlude]:
        """Entered, the last first, while an interactive job runs in the middle of this one.

        Whoever changes a shared model takes the change back there.
        """
        ...

    @property
    def wishes(self) -> Sequence[Wish]:
        """What its person has changed since it was asked for, oldest first."""
        ...

    def draws(self, number: int, course: Course) -> None:
        """Says which of the request's runs is drawn from here on, and what changes it."""
        ...

    def check(self) -> None:
        """Called before each model call; lets interactive jobs go before one in the background.

        Raises:
            Cancelled: Or DeadlineExceeded: it shall stop.
        """
        ...

    def report(self, progress: Progress) -> None:
        """Publishes progress."""
        ...

    def inform(self, facts: dict[str, Any]) -> None:
        """Adds facts to the job's info, while it runs."""
        ...


class Loras(Protocol):
    """The LoRA files, read and made."""

    @property
    def folder(self) -> Path:
        """Where a trained one goes."""
        ...

    def read(self, name: str) -> LoraFile:
        """The one of that name; raises UnknownName or ModelProblem."""
        ...

    def changed(self) -> None:
        """The folders hold something new."""
        ...


class Checkpoints(Protocol):
    """The folder of models, to which a training adds one."""

    @property
    def checkpoint_folder(self) -> Path:
        """Where a trained one goes."""
        ...

    def refresh(self) -> None:
        """The folders hold something new."""
        ...


Elsewhere = Callable[[int], Sequence[Output] | None]
Share = Callable[[Sequence[Request]], AbstractContextManager[Elsewhere]]


def alone(parts: Sequence[Request]) -> AbstractContextManager[Elsewhere]:
    """Every part is drawn here."""
    return nullcontext(lambda part: None)


@dataclass(frozen=True)
class Context:
    """One job's surroundings.

    Attributes:
        job: The job itself.
        models: The cache; modes name what they need, and the driver leases it.
        steps: Receives every step.
        branches: Earlier runs.
        loras: LoRA files.
        posteriors: Pictures that are encoded already.
        ends: What was worked out for the ends of earlier morphs.
        pictures: Those that travel beside the job's settings, (H, W, 3) each.
        course: What was changed of the run that is drawn now.
        checkpoints: Where a model goes that is trained from nothing; None where none is.
        share: Lets other devices draw parts of the job while the context lasts; asked before each
            part, it gives what another one has drawn of it, or None.
    """

    job: Running
    models: ModelManager[Checkpoint]
    steps: StepSink
    branches: BranchSource
    loras: Loras
    posteriors: PosteriorCache = field(default_factory=PosteriorCache)
    ends: EndCache = field(default_factory=EndCache)
    pictures: Mapping[str, Pixels] = field(default_factory=dict[str, Pixels])
    course: Course = field(default_factory=Course)
    checkpoints: Checkpoints | None = None
    share: Share = alone

    @property
    def interludes(self) -> list[Interlude]:
        """See `Running`."""
        return self.job.interludes

    def check(self) -> None:
        """See `Running`."""
        self.job.check()

    def report(self, progress: Progress) -> None:
        """See `Running`."""
        self.job.report(progress)

    def inform(self, facts: dict[str, Any]) -> None:
        """See `Running`."""
        self.job.inform(facts)

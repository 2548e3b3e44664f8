"""What a mode is given by the engine, as protocols: modes never import the engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.contracts.events import Progress
from backend.models.autoencoder.posterior import PosteriorCache
from backend.models.autoencoder.preview import Previewer, PreviewKind
from backend.modes.end_cache import EndCache

if TYPE_CHECKING:
    from backend.contracts.settings import Settings
    from backend.contracts.stored import StoredStep
    from backend.models.checkpoint import Checkpoint
    from backend.models.lora.file import LoraFile
    from backend.models.manager import ModelManager
    from backend.sampling.types import Step


def _tell_nobody(facts: dict[str, Any]) -> None:
    return None


def _nothing_to_do() -> None:
    return None


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

    def step(self, step: Step) -> None:
        """Offers one step; must not synchronise with the device."""
        ...


class BranchSource(Protocol):
    """Finds the stored steps of earlier runs."""

    def load(self, token: str, step: int) -> StoredStep[Step]:
        """The step; raises UnknownName when it is gone."""
        ...


@dataclass(frozen=True)
class Context:
    """One job's surroundings.

    Attributes:
        models: The cache; `lease` a model for as long as it is used.
        check: Called before each model call; raises Cancelled or DeadlineExceeded, and lets an
            interactive job go first when this one runs in the background.
        report: Publishes progress.
        steps: Receives every step.
        branches: Earlier runs.
        lora: Reads the LoRA of that name; raises UnknownName or ModelProblem.
        posteriors: Pictures that are encoded already.
        interludes: Entered, the last first, while an interactive job runs in the middle of this
            one: whoever changes a shared model takes the change back there.
        inform: Adds facts to the job's info, while it runs.
        ends: What was worked out for the ends of earlier morphs.
        lora_folder: Where a trained LoRA goes.
        changed_files: Says that the model folders hold something new.
    """

    models: ModelManager[Checkpoint]
    check: Callable[[], None]
    report: Callable[[Progress], None]
    steps: StepSink
    branches: BranchSource
    lora: Callable[[str], LoraFile]
    posteriors: PosteriorCache
    interludes: list[Callable[[], AbstractContextManager[None]]] = field(
        default_factory=list[Callable[[], AbstractContextManager[None]]]
    )
    inform: Callable[[dict[str, Any]], None] = _tell_nobody
    ends: EndCache = field(default_factory=EndCache)
    lora_folder: Path = Path("models/loras")
    changed_files: Callable[[], None] = _nothing_to_do

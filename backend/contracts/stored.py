"""A step of an earlier run, with all that says where in the run it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from backend.contracts.settings import Settings

StepT_co = TypeVar("StepT_co", covariant=True)


@dataclass(frozen=True)
class StoredStep(Generic[StepT_co]):
    """What scrubbing shows and a branch goes on from.

    Attributes:
        stage: Number of its stage in the run, from 0; hires fix has two.
        settings: Of that stage.
        step: As whoever keeps it keeps it.
    """

    stage: int
    settings: Settings
    step: StepT_co

"""The pieces that modes compose: schedule, noise, guided denoiser, starting point, results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from backend.errors import BadInput
from backend.events import Output, Record
from backend.models.loading import Checkpoint
from backend.modes.context import Context
from backend.requests import Request
from backend.sampling import guidance
from backend.sampling import schedule as schedules
from backend.sampling.noise import SeededNoise, slerp
from backend.sampling.types import Denoiser, Resume, Schedule, Step
from backend.settings import Settings

Check = Callable[[], None]


def schedule(settings: Settings, model: Checkpoint) -> Schedule:
    """What the diffusers class of the sampler makes of the checkpoint's scheduler config."""
    config = schedules.SchedulerConfig.from_dict(model.scheduler_config)
    return schedules.make(settings.sampler, settings.schedule, settings.steps, config)


class Noise:
    """The noise of a request: seed + i for image i, and the variation seed's beside it."""

"""What one stage of a job is drawn with: its settings, the model in hand, and the levels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from backend.contracts.settings import Settings
from backend.models.checkpoint import Checkpoint
from backend.modes.context import Context
from backend.sampling import schedule as schedules
from backend.sampling.config import SchedulerConfig
from backend.sampling.types import Schedule

SettingsT = TypeVar("SettingsT", bound=Settings, covariant=True)


@dataclass(frozen=True, eq=False)
class Stage(Generic[SettingsT]):
    """One stage of a job; hires fix has two.

    Attributes:
        settings: Resolved, of this stage.
        model: Leased, and this job's alone.
        context: The job's surroundings.
        schedule: The levels that the settings ask of the model.
    """

    settings: SettingsT
    model: Checkpoint
    context: Context
    schedule: Schedule

    @property
    def config(self) -> SchedulerConfig:
        """What the checkpoint says of its noise levels."""
        return SchedulerConfig.from_dict(self.model.scheduler_config)


def stage_of(settings: SettingsT, model: Checkpoint, context: Context) -> Stage[SettingsT]:
    """The stage of these settings.

    Raises:
        BadInput: The model has no such schedule.
    """
    return Stage(settings, model, context, make_schedule(settings, model))


def make_schedule(settings: Settings, model: Checkpoint) -> Schedule:
    """What the diffusers class of the sampler makes of the checkpoint's scheduler config."""
    config = SchedulerConfig.from_dict(model.scheduler_config)
    made = schedules.make(
        settings.sampler,
        settings.schedule,
        settings.steps,
        config,
        model.info.family,
        settings.own_time_steps,
        latent_positions(settings, config, model.vae_factor),
    )
    bounds = config.bounds if model.bounded else None
    return replace(made, bounds=bounds, spread=model.spread)


def latent_positions(settings: Settings, config: SchedulerConfig, factor: int) -> int:
    """How many a picture has, `factor` px to the side of one; 0 where no level follows it."""
    if config.flow is None:
        return 0
    width, height = settings.drawn_size
    return (width // factor) * (height // factor)

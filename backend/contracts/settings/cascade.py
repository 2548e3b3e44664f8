"""A cascade: the rows of further stages, each of which enlarges what the one before it drew."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, StrictBool, model_validator

from backend.contracts.fields import says
from backend.contracts.settings import time_steps
from backend.contracts.settings.base import Frozen
from backend.contracts.settings.enlarging import OWN
from backend.contracts.settings.kinds import MAX_STEPS

MOST_STAGES = 4


class StageUse(Frozen):
    """One further stage. What is left open is what its model recommends.

    Attributes:
        model: That enlarges: IF's second stage, x4.
        steps: 0 is what it recommends.
        guidance_scale: None is what it recommends.
        noise_level: Noise on the picture that it is shown; -1 is what it recommends.
        sampler: "" is the one of its scheduler.
        time_steps: See `Txt2ImgSettings.time_steps`.
        factor: What it multiplies both sides by; 0 is not known yet.
        on: False keeps the row without its effect.
    """

    model: str = Field(min_length=1, max_length=300)
    steps: int = Field(0, ge=0, le=MAX_STEPS)
    guidance_scale: float | None = Field(None, ge=0.0, le=30.0)
    noise_level: int = Field(OWN, ge=OWN, le=999)
    sampler: str = Field("", max_length=60)
    time_steps: str = Field("", max_length=time_steps.MAX_CHARS)
    factor: int = Field(0, ge=0, le=16)
    on: StrictBool = True

    @model_validator(mode="after")
    def _listed(self) -> Self:
        if self.steps:
            time_steps.check_count(self.time_steps, self.steps)
        else:
            time_steps.listed(self.time_steps)
        return self


class CascadeFields(BaseModel):
    """Fields that `Txt2ImgSettings` takes in."""

    stages: tuple[StageUse, ...] = Field(
        (),
        max_length=MOST_STAGES,
        description="Further stages of a cascade, each larger; their pictures are kept too.",
        json_schema_extra=says("start", axis=False, later=True),
    )
    time_steps: str = Field(
        "",
        max_length=time_steps.MAX_CHARS,
        description="Falling time steps of your own, or one of IF's lists (fast27, smart50, ...), "
        "instead of a schedule; steps is their number.",
        json_schema_extra=says("levels", axis=False, later=True),
    )

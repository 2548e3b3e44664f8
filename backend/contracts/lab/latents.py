"""What the Latents panel asks for: a picture through the autoencoder, and a level of noise."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Self

from pydantic import Field, model_validator

from backend.contracts.fields import says
from backend.contracts.lab.base import LabSettings
from backend.contracts.settings.kinds import MAX_STEPS

STEPS = 30  # places of the noise slider


class LatentsSettings(LabSettings):
    """A picture through the autoencoder and back; `steps` are the places of the noise slider."""

    mode: ClassVar[str] = "lab_latents"
    pictures: ClassVar[tuple[str, ...]] = ("image",)

    steps: int = Field(STEPS, ge=2, le=MAX_STEPS, json_schema_extra=says("levels"))

    def missing_picture(self, given: Collection[str]) -> str | None:
        """It looks at a picture."""
        return None if "image" in given else "Choose a picture first."


class NoiseAtSettings(LabSettings):
    """A picture with the noise of one level, decoded, and what one model call makes of it.

    Without a picture there is nothing but noise, at the top of the schedule whatever the level.

    Attributes:
        level: Index into the schedule of `steps` steps; 0 is the noisiest.
    """

    mode: ClassVar[str] = "lab_noise_at"
    pictures: ClassVar[tuple[str, ...]] = ("image",)

    steps: int = Field(STEPS, ge=2, le=MAX_STEPS, json_schema_extra=says("levels"))
    level: int = Field(0, ge=0, json_schema_extra=says("levels"))

    @property
    def picture_count(self) -> int:
        """The noisy picture and the predicted one."""
        return 2

    @model_validator(mode="after")
    def _level_in_schedule(self) -> Self:
        if self.level >= self.steps:
            raise ValueError(f"level must lie below steps, {self.steps}")
        return self

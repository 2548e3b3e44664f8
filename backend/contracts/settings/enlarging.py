"""Settings of a run whose model enlarges a small picture."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from backend.contracts.fields import says
from backend.contracts.settings.base import Settings

OWN = -1  # a noise level: the one that the model recommends


class EnlargingStage(Settings):
    """What a diffusion upscaler draws: no mode of its own, but what its stored steps belong to."""

    mode: ClassVar[str] = "enlarging"

    noise_level: int = Field(
        0,
        ge=0,
        le=999,
        description="Noise on the picture that the model is shown.",
        json_schema_extra=says("start", step=1),
    )

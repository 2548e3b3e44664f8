"""Hires fix: the settings of a second stage that draws the picture again, larger."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from backend.contracts.fields import says
from backend.contracts.settings.kinds import UpscalerName

LATENT = "latent"
MAX_SIDE_PX = 4096
STANDARD_GRID_PX = 8  # where no model is known yet


class HiresFields(BaseModel):
    """Fields that `Txt2ImgSettings` takes in; with a scale of 1 there is no second stage."""

    hires_scale: float = Field(
        1.0,
        title="Upscale",
        ge=1.0,
        le=4.0,
        description="How much larger the second stage draws; 1 is off.",
        json_schema_extra=says("start", unit="x", step=0.05),
    )
    hires_denoise: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        0.7,
        title="Denoise",
        description="How far to go from the enlarged picture; it runs this part of the steps.",
        json_schema_extra=says("start", step=0.01),
    )
    hires_steps: int = Field(
        0,
        ge=0,
        le=150,
        description="Steps of the second stage; 0 takes those of the first.",
        json_schema_extra=says("start", unit="steps", step=1),
    )
    hires_upscaler: UpscalerName = Field(
        "latent",
        title="Upscaler",
        description="Enlarge the latents, or the picture by Lanczos or a one-pass upscaler.",
        json_schema_extra=says(
            "start", choices={"latent": "latent space", "lanczos": "Lanczos, in pixels"}
        ),
    )
    hires_grid_px: int = Field(
        STANDARD_GRID_PX,
        title="Second stage's grid",
        ge=1,
        le=1024,
        description="What sides of the second stage are multiples of; a run fills the model's in.",
        json_schema_extra=says("start", unit="px", axis=False, later=True),
    )


def enlarged_px(side_px: int, scale: float, grid_px: int = STANDARD_GRID_PX) -> int:
    """A side times the scale, on the grid of the model's sizes."""
    return max(grid_px, round(side_px * scale / grid_px) * grid_px)

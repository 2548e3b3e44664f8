"""Steering by a loss: what pulls at a run beside its prompt."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from backend.contracts.fields import says
from backend.contracts.settings import colours
from backend.contracts.settings.kinds import Fraction

Pull = Literal[
    "off",
    "red",
    "green",
    "blue",
    "colour",
    "brightness",
    "contrast",
    "saturation",
    "sharpness",
    "symmetry",
    "palette",
    "places",
]
PULL_TITLES = {
    "colour": "one colour",
    "symmetry": "left and right alike",
    "palette": "a palette",
    "places": "colours in their places",
}


class SteerFields(BaseModel):
    """Fields that the modes that can be steered take in."""

    steer: Pull = Field(
        "off",
        title="Pull towards",
        description="What the forming picture is pushed to, whatever the prompt says.",
        json_schema_extra=says("guidance", later=True, choices=PULL_TITLES),
    )
    steer_target: Fraction = Field(
        0.9,
        title="Target",
        description="How much of it: of a channel, brightness, contrast, saturation, sharpness.",
        json_schema_extra=says("guidance", later=True, step=0.05),
    )
    steer_colour: str = Field(
        "#2060e0",
        title="Colour",
        pattern="^#[0-9a-fA-F]{6}$",
        description="The colour to pull towards.",
        json_schema_extra=says("guidance", later=True, axis=False),
    )
    steer_palette: str = Field(
        "",
        title="Palette",
        max_length=400,
        description="Its colours and, after a colon, how much of each: #2060e0:3 #ffffff.",
        json_schema_extra=says("guidance", later=True, axis=False),
    )
    steer_places: str = Field(
        "",
        title="Places",
        max_length=2500,
        description="Rough colours that stay in their places: rows from the top, / between them, "
        "a point where anything goes: 2060e0 2060e0 / . 30a030.",
        json_schema_extra=says("guidance", later=True, axis=False),
    )
    steer_scale: float = Field(
        1.0,
        title="Pull",
        ge=0.0,
        le=10.0,
        description="How hard; 1 shows clearly, 0.3 is a touch, 3 is as far as it goes.",
        json_schema_extra=says("guidance", later=True, step=0.1),
    )
    steer_every: int = Field(
        5,
        title="Every",
        ge=1,
        le=50,
        description="Steps between two pushes; fewer is smoother and dearer.",
        json_schema_extra=says("guidance", later=True, unit="steps", step=1),
    )
    steer_start: Fraction = Field(
        0.0,
        description="Where in the run the pushes begin.",
        json_schema_extra=says("guidance", later=True, unit="of the run", step=0.05),
    )
    steer_end: Fraction = Field(
        1.0,
        description="Where in the run they end.",
        json_schema_extra=says("guidance", later=True, unit="of the run", step=0.05),
    )
    steer_through: Literal["auto", "fast", "full"] = Field(
        "auto",
        title="Seen through",
        description="The gradient goes through the model's tiny decoder, or the whole one where it "
        "has none; the linear preview costs next to nothing, and moves less.",
        json_schema_extra=says(
            "guidance",
            later=True,
            choices={
                "auto": "the best there is",
                "fast": "the fast preview",
                "full": "the decoder",
            },
        ),
    )

    @property
    def steers(self) -> bool:
        """Whether anything pulls."""
        return self.steer != "off" and self.steer_scale > 0

    @model_validator(mode="after")
    def _steered_in_order(self) -> Self:
        if self.steer_start > self.steer_end:
            raise ValueError("steer_start must not lie after steer_end")
        if self.steer == "palette" and not self.steer_palette:
            raise ValueError("there is no palette to pull towards; write its colours")
        if self.steer == "places" and not self.steer_places:
            raise ValueError("no colour has a place yet; paint one")
        return self

    @field_validator("steer_palette")
    @classmethod
    def _a_palette(cls, text: str) -> str:
        if text:
            colours.palette_of(text)
        return text

    @field_validator("steer_places")
    @classmethod
    def _a_grid(cls, text: str) -> str:
        if text:
            colours.places_of(text)
        return text

"""Settings of the mode that draws a picture from a picture, again and again."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from backend.contracts.errors import BadInput
from backend.contracts.fields import says
from backend.contracts.settings.base import Settings
from backend.contracts.settings.img2img import Img2ImgSettings
from backend.contracts.settings.kinds import Fraction
from backend.contracts.settings.reference import REFERENCE


class LoopbackSettings(Img2ImgSettings):
    """img2img of its own result, loop after loop, each with the next seed."""

    mode: ClassVar[str] = "loopback"
    place: ClassVar[int] = 80
    pictures: ClassVar[tuple[str, ...]] = ("image", REFERENCE)
    live: ClassVar[bool] = False

    strength: Fraction = Field(
        0.4,
        description="How far each loop goes from the picture before it.",
        json_schema_extra=says("start", step=0.01),
    )
    loops: int = Field(
        4,
        ge=1,
        le=32,
        description="How many times the result is drawn again; each is kept.",
        json_schema_extra=says("course", unit="loops", step=1),
    )
    strength_change: float = Field(
        1.0,
        title="Strength change",
        ge=0.5,
        le=1.5,
        description="What the strength is multiplied by each time; below 1 it settles down.",
        json_schema_extra=says("course", step=0.01),
    )

    @property
    def ladder(self) -> tuple[float, ...]:
        """The strength of each loop, 1 at most."""
        return tuple(
            min(1.0, self.strength * self.strength_change**loop) for loop in range(self.loops)
        )

    def loop(self, number: int) -> Img2ImgSettings:
        """Loop `number`, from 0, as img2img by itself."""
        shared = {name: getattr(self, name) for name in Img2ImgSettings.model_fields}
        own = {"strength": self.ladder[number], "seed": self.image_seed(number)}
        return Img2ImgSettings.model_validate(shared | own)

    def until(self, number: int) -> Self:
        """The run that ends with loop `number`: what makes that picture again."""
        return self.model_copy(update={"loops": number + 1})

    def part_like(self, past: Settings) -> Settings:
        raise BadInput(
            "A loopback cannot be branched: each loop begins with a picture. Send that picture to "
            "img2img instead."
        )

    @model_validator(mode="after")
    def _one_picture_goes_round(self) -> Self:
        if self.strengths:
            raise ValueError("a loopback has no strength ladder; leave strengths empty")
        if self.batch_size > 1 or self.batch_count > 1:
            raise ValueError("a loopback draws one picture at a time; set both batches to 1")
        if self.outpaints:
            raise ValueError("a loopback keeps its size; extend the picture in img2img")
        return self

"""Settings of the mode that makes a picture larger."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import ClassVar, NamedTuple, Self

from pydantic import Field, StrictBool, model_validator

from backend.contracts.errors import BadInput
from backend.contracts.fields import says
from backend.contracts.settings.base import Settings
from backend.contracts.settings.enlarging import OWN, EnlargingStage
from backend.contracts.settings.img2img import HiresStage
from backend.contracts.settings.kinds import MAX_STEPS, Fraction, UpscalerName

LANCZOS = "lanczos"
MOST_PX = 8192  # a side of what comes out
UNDIFFUSED: dict[str, float] = {"noise_level": OWN, "upscaler_steps": 0, "upscaler_guidance": 0.0}


class Variant(NamedTuple):
    """One way to enlarge.

    Attributes:
        label: What it is called beside the others.
        upscaler: What enlarges.
        strength: How far it is drawn again.
        diffuses: Whether a diffusion model enlarges.
    """

    label: str
    upscaler: str
    strength: float
    diffuses: bool = False


class UpscaleSettings(Settings):
    """A picture made larger: by Lanczos, an upscaler or a diffusion model; then drawn again.

    The picture travels beside the settings as "image". Drawn again it is as SDEdit does it (Meng et
    al. 2021), at the larger size, where a strength is set. Without width and height it becomes
    factor times the picture's.
    """

    mode: ClassVar[str] = "upscale"
    place: ClassVar[int] = 70
    pictures: ClassVar[tuple[str, ...]] = ("image",)

    upscaler: UpscalerName = Field(
        LANCZOS,
        description="What enlarges: Lanczos, a one-pass upscaler of models/upscalers, or a "
        "diffusion model that enlarges (x4).",
        json_schema_extra=says("start", choices={LANCZOS: "Lanczos"}),
    )
    factor: float = Field(
        2.0,
        ge=1.0,
        le=8.0,
        description="How many times larger each side becomes.",
        json_schema_extra=says("start", unit="x", step=0.25),
    )
    strength: Fraction = Field(
        0.0,
        title="Noise level",
        description="How far the model draws the enlarged picture again; 0 leaves it as it is.",
        json_schema_extra=says("start", step=0.01),
    )
    noise_level: int = Field(
        OWN,
        title="Source noise",
        ge=OWN,
        le=999,
        description="Noise on the picture that a diffusion upscaler is shown: more invents more; "
        "-1 is what it recommends.",
        json_schema_extra=says("start", step=1),
    )
    upscaler_steps: int = Field(
        0,
        ge=0,
        le=MAX_STEPS,
        description="Steps of a diffusion upscaler; 0 is what it recommends.",
        json_schema_extra=says("start", unit="steps", step=1),
    )
    upscaler_guidance: float = Field(
        0.0,
        ge=0.0,
        le=30.0,
        description="How hard the prompt pulls on a diffusion upscaler; 1 turns it off, 0 is what "
        "it recommends.",
        json_schema_extra=says("start", step=0.1),
    )
    tile: int = Field(
        256,
        ge=0,
        le=1024,
        multiple_of=16,
        description="Side of the tiles that an upscaler is given; 0 is all at once.",
        json_schema_extra=says("decoding", unit="px", step=16),
    )
    compare: StrictBool = Field(
        False,
        description="The same picture by Lanczos, by the upscaler, and each drawn again.",
        json_schema_extra=says("course"),
    )

    @property
    def redraws(self) -> bool:
        """Whether a model draws the enlarged picture again."""
        return self.strength > 0

    @property
    def needs_model(self) -> bool:
        return self.redraws

    @property
    def diffuses(self) -> bool:
        """Whether a diffusion model enlarges; of settings that `resolve` has settled."""
        return self.noise_level != OWN

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What is made, one after the other."""
        if not self.compare:
            return (Variant("", self.upscaler, self.strength, self.diffuses),)
        ways = {LANCZOS: False, self.upscaler: self.diffuses}
        plain = [Variant(_called(way), way, 0.0, own) for way, own in ways.items()]
        again = f"drawn again {self.strength:g}"
        drawn = [
            Variant(f"{_called(way)}, {again}", way, self.strength, own)
            for way, own in ways.items()
        ]
        return (*plain, *(drawn if self.redraws else ()))

    def alone(self, place: int) -> Self:
        """The settings that make one of the variants by itself."""
        way = self.variants[place]
        alone = {"upscaler": way.upscaler, "strength": way.strength, "compare": False}
        return self.model_copy(update=alone if way.diffuses else alone | UNDIFFUSED)

    @property
    def picture_count(self) -> int:
        return sum(
            self.batch_size if way.strength > 0 or way.diffuses else 1 for way in self.variants
        )

    @property
    def fewest_together(self) -> int:
        return self.batch_size

    @property
    def redrawing(self) -> HiresStage:
        """The drawing again as settings of its own; of resolved settings."""
        shared = {name: getattr(self, name) for name in Settings.model_fields}
        sizeless = shared | {"width": None, "height": None, "strength": self.strength}
        width, height = self.drawn_size
        stage = HiresStage.model_validate(sizeless)
        return stage.model_copy(update={"width": width, "height": height})

    def enlarging_stage(self, width_px: int, height_px: int, sampler: str) -> EnlargingStage:
        """What a diffusion upscaler draws, as settings of its own; of settled settings.

        Args:
            width_px: That it draws.
            height_px: Likewise.
            sampler: By which.
        """
        return EnlargingStage.of(
            self,
            (width_px, height_px),
            model=self.upscaler,
            sampler=sampler,
            steps=self.upscaler_steps,
            guidance_scale=self.upscaler_guidance,
            noise_level=self.noise_level,
        )

    def part_like(self, past: Settings) -> Settings:
        if isinstance(past, EnlargingStage):
            if self.compare or not self.diffuses:
                raise BadInput(
                    "That step belongs to a diffusion upscaler; choose one, and switch the "
                    "comparison off.",
                    "upscaler",
                )
            return self.enlarging_stage(*past.drawn_size, past.sampler)
        if self.compare or not self.redraws:
            raise BadInput(
                "Only a picture that is drawn again can be branched, alone; set a noise level and "
                "switch the comparison off.",
                "strength",
            )
        return self.redrawing

    def enlarging(self, width_px: int, height_px: int, grid_px: int = 1) -> Self:
        """The same with the size that a picture of that size is brought to.

        Args:
            width_px: Of the picture.
            height_px: Of the picture.
            grid_px: What both sides are rounded to multiples of.
        """
        if self.width is not None and self.height is not None:
            return self
        size = (
            max(grid_px, round(side * self.factor / grid_px) * grid_px)
            for side in (width_px, height_px)
        )
        return self.model_copy(update=dict(zip(("width", "height"), size, strict=True)))

    def missing_picture(self, given: Collection[str]) -> str | None:
        if "image" not in given:
            return "There is no picture yet; add the one to enlarge."
        return None

    @model_validator(mode="after")
    def _can_run(self) -> Self:
        if self.redraws and int(self.steps * self.strength) < 1:
            raise ValueError(
                f"strength {self.strength:g} of {self.steps} steps runs no step at all; use at "
                f"least {math.ceil(1000 / self.steps) / 1000:g}, or more steps, or 0"
            )
        if (self.width is None) != (self.height is None):
            raise ValueError("give both width and height, or neither and a factor")
        if self.compare and self.batch_size > 1:
            raise ValueError("ways to enlarge are compared one picture each; set batch_size to 1")
        return self


def _called(upscaler: str) -> str:
    return "Lanczos" if upscaler == LANCZOS else upscaler

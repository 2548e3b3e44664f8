"""Settings of the modes that start from a prompt."""

from __future__ import annotations

import math
from typing import ClassVar, Self

from pydantic import (
    Field,
    StrictBool,
    model_validator,
)

from backend.contracts.errors import BadInput
from backend.contracts.fields import says
from backend.contracts.settings.base import Settings
from backend.contracts.settings.hires import (
    MAX_SIDE_PX,
    STANDARD_GRID_PX,
    HiresFields,
    enlarged_px,
)
from backend.contracts.settings.img2img import HiresStage


class Txt2ImgSettings(HiresFields, Settings):
    """A picture from a prompt."""

    mode: ClassVar[str] = "txt2img"
    place: ClassVar[int] = 10
    needs: ClassVar[tuple[str, ...]] = ("from_noise",)

    @property
    def hires(self) -> bool:
        """Whether there is a second stage."""
        return self.hires_scale > 1

    @property
    def drawn_size(self) -> tuple[int, int]:
        width, height = super().drawn_size
        if not self.hires:
            return width, height
        scale, grid_px = self.hires_scale, self.hires_grid_px
        return enlarged_px(width, scale, grid_px), enlarged_px(height, scale, grid_px)

    def resolved(
        self,
        *,
        native_size: tuple[int, int],
        grid_px: int = STANDARD_GRID_PX,
        guidance_scale: float,
        seed: int,
        variation_seed: int,
    ) -> Self:
        """See `Settings.resolved`; whatever a record says of the grid, the model's is taken."""
        made = super().resolved(
            native_size=native_size,
            guidance_scale=guidance_scale,
            seed=seed,
            variation_seed=variation_seed,
        )
        grid_px = grid_px if made.hires else STANDARD_GRID_PX
        return made.model_copy(update={"hires_grid_px": grid_px})

    @property
    def first_stage(self) -> Self:
        """The settings without the second stage."""
        return self.model_copy(update={"hires_scale": 1.0, "hires_grid_px": STANDARD_GRID_PX})

    @property
    def second_stage(self) -> HiresStage:
        """The second stage as settings of its own; of resolved settings under hires fix."""
        width, height = self.drawn_size
        shared = {name: getattr(self, name) for name in Settings.model_fields}
        stage = HiresStage.model_validate(
            shared
            | {
                "width": None,
                "height": None,
                "strength": self.hires_denoise,
                "steps": self.hires_steps or self.steps,
            }
        )
        # Set afterwards: it may be larger than what a person may ask of a single stage.
        return stage.model_copy(update={"width": width, "height": height})

    def part_like(self, past: Settings) -> Settings:
        if isinstance(past, HiresStage):
            if not self.hires:
                raise BadInput(
                    "That step belongs to the second stage of a hires run; switch hires fix on, "
                    "or branch from an earlier step.",
                    "hires_scale",
                )
            return self.second_stage
        return self.first_stage

    @model_validator(mode="after")
    def _hires_can_run(self) -> Self:
        if not self.hires:
            return self
        steps = self.hires_steps or self.steps
        if int(steps * self.hires_denoise) < 1:
            raise ValueError(
                f"hires_denoise {self.hires_denoise:g} of {steps} steps runs no step at all; use "
                f"at least {math.ceil(1000 / steps) / 1000:g}, or more steps"
            )
        for side in (self.width, self.height):
            if side is not None and enlarged_px(side, self.hires_scale) > MAX_SIDE_PX:
                raise ValueError(
                    f"hires_scale {self.hires_scale:g} makes {side} px larger than "
                    f"{MAX_SIDE_PX} px; use a smaller scale or size"
                )
        return self


class LoraMixSettings(Txt2ImgSettings):
    """A picture from a prompt under a mix of LoRAs; or the LoRAs side by side.

    With `compare` the pictures are: without any LoRA, with each alone, with all together, each for
    all seeds of the batch.
    """

    mode: ClassVar[str] = "lora_mix"
    place: ClassVar[int] = 40
    needs: ClassVar[tuple[str, ...]] = ("from_noise", "lora")

    compare: StrictBool = Field(
        False,
        title="Compare LoRAs",
        description="Draw the same seed with no LoRA, with each alone, and with all of them.",
        json_schema_extra=says("course"),
    )

    @model_validator(mode="after")
    def _one_stage_where_compared(self) -> Self:
        if self.compare and self.hires:
            raise ValueError("LoRAs are compared without hires fix; set hires_scale to 1")
        return self

    @property
    def variants(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """What is drawn: label, and places in `acting_loras`."""
        everything = tuple(range(len(self.acting_loras)))
        if not self.compare:
            return (("", everything),)
        alone = [(f"{use.name} {use.weight:g}", (i,)) for i, use in enumerate(self.acting_loras)]
        together = [("all together", everything)] if len(everything) > 1 else []
        return (("no LoRA", ()), *alone, *together)

    @property
    def picture_count(self) -> int:
        return self.batch_size * len(self.variants)

    def alone(self, variant: int) -> Self:
        """The settings that draw one of the variants by itself."""
        chosen = tuple(self.acting_loras[i] for i in self.variants[variant][1])
        return self.model_copy(update={"loras": chosen, "compare": False})

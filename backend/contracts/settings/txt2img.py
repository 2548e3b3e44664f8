"""Settings of the modes that start from a prompt."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import ClassVar, Self

from pydantic import (
    Field,
    StrictBool,
    model_validator,
)

from backend.contracts.errors import BadInput
from backend.contracts.fields import says
from backend.contracts.settings import time_steps
from backend.contracts.settings.base import Settings
from backend.contracts.settings.cascade import CascadeFields, StageUse
from backend.contracts.settings.enlarging import EnlargingStage
from backend.contracts.settings.forecast import ForecastFields
from backend.contracts.settings.hires import (
    MAX_SIDE_PX,
    STANDARD_GRID_PX,
    HiresFields,
    enlarged_px,
)
from backend.contracts.settings.img2img import HiresStage
from backend.contracts.settings.live import LiveFields
from backend.contracts.settings.reference import REFERENCE, ReferenceFields
from backend.contracts.settings.regions import RegionFields, loras_of_regions
from backend.contracts.settings.steer import SteerFields

STAGE_FIELDS = ("model", "sampler", "steps", "guidance_scale", "noise_level", "time_steps")


class Txt2ImgSettings(
    CascadeFields,
    HiresFields,
    ReferenceFields,
    ForecastFields,
    SteerFields,
    RegionFields,
    LiveFields,
    Settings,
):
    """A picture from a prompt.

    With `stages` it is a cascade: the pictures are those of the first stage, of the second, and so
    on, each for all seeds of the batch. A picture may travel beside the settings: "reference".
    """

    mode: ClassVar[str] = "txt2img"
    place: ClassVar[int] = 10
    needs: ClassVar[tuple[str, ...]] = ("from_noise",)
    pictures: ClassVar[tuple[str, ...]] = (REFERENCE,)
    live: ClassVar[bool] = True

    @property
    def takes_changes(self) -> bool:
        return super().takes_changes and not self.later

    @property
    def hires(self) -> bool:
        """Whether there is a second stage."""
        return self.hires_scale > 1

    @property
    def drawn_size(self) -> tuple[int, int]:
        width, height = super().drawn_size
        factor = math.prod(row.factor or 1 for row in self.later)
        if not self.hires:
            return width * factor, height * factor
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
        """The settings without further stages."""
        return self.model_copy(
            update={"hires_scale": 1.0, "hires_grid_px": STANDARD_GRID_PX, "stages": ()}
        )

    @property
    def later(self) -> tuple[StageUse, ...]:
        """A cascade's further stages that are on."""
        return tuple(row for row in self.stages if row.on)

    @property
    def later_stages(self) -> tuple[EnlargingStage, ...]:
        """The same as settings of their own; of resolved settings."""
        width, height = self.first_stage.drawn_size
        found: list[EnlargingStage] = []
        for row in self.later:
            width, height = width * row.factor, height * row.factor
            own = {name: getattr(row, name) for name in STAGE_FIELDS}
            found.append(EnlargingStage.of(self, (width, height), **own))
        return tuple(found)

    def up_to(self, stage: int) -> Self:
        """The same with so many further stages; what draws the pictures of stage `stage`."""
        return self.model_copy(update={"stages": self.later[:stage]})

    @property
    def picture_count(self) -> int:
        return self.batch_size * (1 + len(self.later))

    @property
    def fewest_together(self) -> int:
        return self.batch_size

    @property
    def own_time_steps(self) -> tuple[int, ...]:
        return time_steps.listed(self.time_steps)

    @property
    def second_stage(self) -> HiresStage:
        """The second stage as settings of its own; of resolved settings under hires fix."""
        width, height = self.drawn_size
        shared_by = (Settings, ForecastFields, SteerFields, RegionFields, ReferenceFields)
        names = [name for kind in shared_by for name in kind.model_fields]
        shared = {name: getattr(self, name) for name in names}
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

    def missing_picture(self, given: Collection[str]) -> str | None:
        return self.missing_reference(given)

    def part_like(self, past: Settings) -> Settings:
        if isinstance(past, HiresStage):
            if not self.hires:
                raise BadInput(
                    "That step belongs to the second stage of a hires run; switch hires fix on, "
                    "or branch from an earlier step.",
                    "hires_scale",
                )
            return self.second_stage
        if isinstance(past, EnlargingStage):
            for stage in self.later_stages:
                if stage.drawn_size == past.drawn_size:
                    return stage
            raise BadInput(
                "That step belongs to a further stage of a cascade, which these settings do not "
                "have; switch it on, or branch from an earlier step.",
                "stages",
            )
        return self.first_stage

    @model_validator(mode="after")
    def _stages_can_run(self) -> Self:
        time_steps.check_count(self.time_steps, self.steps)
        if self.later and self.hires:
            raise ValueError("a cascade's stages take the place of hires fix; set hires_scale to 1")
        return self

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
    pictures: ClassVar[tuple[str, ...]] = ()

    compare: StrictBool = Field(
        False,
        title="Compare LoRAs",
        description="Draw the same seed with no LoRA, with each alone, and with all of them.",
        json_schema_extra=says("course"),
    )

    @property
    def takes_changes(self) -> bool:
        return super().takes_changes and not self.compare

    @model_validator(mode="after")
    def _one_stage_where_compared(self) -> Self:
        if self.compare and self.hires:
            raise ValueError("LoRAs are compared without hires fix; set hires_scale to 1")
        if self.compare and loras_of_regions(self):
            raise ValueError(
                "LoRAs are compared in the whole picture; take them out of the regions"
            )
        if self.later:
            raise ValueError("a mix of LoRAs is drawn in one model; leave the stages out")
        if self.refers:
            raise ValueError(
                "LoRAs are mixed without a reference; set reference_weight to 0, or take txt2img"
            )
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

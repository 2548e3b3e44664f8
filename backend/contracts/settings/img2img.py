"""Settings of the modes that start from a picture."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import ClassVar, Self

from pydantic import (
    Field,
    StrictBool,
    model_validator,
)

from backend.contracts.fields import says
from backend.contracts.settings.base import Settings
from backend.contracts.settings.forecast import ForecastFields
from backend.contracts.settings.kinds import (
    ControlMode,
    DetectorName,
    Fraction,
    FractionItem,
    Margin,
    MaskedContent,
    Prompt,
    ResizeMode,
    StartFrom,
    StartNoise,
)
from backend.contracts.settings.live import LiveFields
from backend.contracts.settings.reference import REFERENCE, ReferenceFields
from backend.contracts.settings.regions import RegionFields
from backend.contracts.settings.rows import ControlUse
from backend.contracts.settings.steer import SteerFields


class Img2ImgSettings(
    ReferenceFields, ForecastFields, SteerFields, RegionFields, LiveFields, Settings
):
    """A picture from a picture (SDEdit, Meng et al. 2021), painted in part where there is a mask.

    The pictures travel beside the settings: "image", "mask", in which white is repainted, and
    "reference", which the result is drawn like.
    """

    mode: ClassVar[str] = "img2img"
    place: ClassVar[int] = 20
    pictures: ClassVar[tuple[str, ...]] = ("image", "mask", REFERENCE)
    live: ClassVar[bool] = True

    strength: Fraction = Field(
        0.75,
        description="How far from the picture to go; it runs strength x steps.",
        json_schema_extra=says("start", step=0.01),
    )
    strengths: tuple[FractionItem, ...] = Field(
        (),
        title="Strength ladder",
        max_length=6,
        description="Up to six strengths side by side from the same noise, instead of the one.",
        json_schema_extra=says("start"),
    )
    mask_invert: StrictBool = Field(
        False,
        title="Invert mask",
        description="Repaint what the mask leaves black.",
        json_schema_extra=says("start"),
    )
    mask_blur: int = Field(
        4,
        ge=0,
        le=64,
        description="Softness of the mask's edge; 0 is hard.",
        json_schema_extra=says("start", unit="px", step=1),
    )
    masked_content: MaskedContent = Field(
        "original",
        description="What the masked part starts from.",
        json_schema_extra=says("start", choices={"latent_noise": "latent noise"}),
    )
    only_masked: StrictBool = Field(
        False,
        description="Draw only the masked part, at full size, and paste it back.",
        json_schema_extra=says("start"),
    )
    only_masked_padding: int = Field(
        32,
        title="Padding",
        ge=0,
        le=256,
        description="How much around the mask the model sees with it.",
        json_schema_extra=says("start", unit="px", step=4),
    )
    resize_mode: ResizeMode = Field(
        "crop",
        title="Fit",
        description="How the picture is brought to the size.",
        json_schema_extra=says("start"),
    )
    start_noise: StartNoise = Field(
        "fresh",
        title="Noise",
        description="Fresh noise, or that which leads back to the picture by DDIM.",
        json_schema_extra=says("start", choices={"inverted": "the picture's own (inverted)"}),
    )
    source_prompt: Prompt = Field(
        "",
        title="What it shows now",
        description="What the picture shows now, for finding its noise.",
        json_schema_extra=says("inversion", needs="prompt"),
    )
    inversion_refine: int = Field(
        2,
        title="Inversion refinements",
        ge=0,
        le=20,
        description="Refinements of the inversion's steps; 0 is plain DDIM.",
        json_schema_extra=says("inversion", step=1),
    )
    image_guidance: float = Field(
        1.5,
        ge=0.0,
        le=10.0,
        description="How close a model that edits stays to the picture; others have none.",
        json_schema_extra=says(
            "guidance",
            group="advanced",
            step=0.05,
            a1111=("Image CFG scale",),
            later=True,
            needs="edits",
        ),
    )
    outpaint_left: Margin = Field(
        0,
        title="Left",
        description="Extend the picture on the left.",
        json_schema_extra=says("start", unit="px", step=8),
    )
    outpaint_right: Margin = Field(
        0,
        title="Right",
        description="Extend the picture on the right.",
        json_schema_extra=says("start", unit="px", step=8),
    )
    outpaint_top: Margin = Field(
        0,
        title="Top",
        description="Extend the picture at the top.",
        json_schema_extra=says("start", unit="px", step=8),
    )
    outpaint_bottom: Margin = Field(
        0,
        title="Bottom",
        description="Extend the picture at the bottom.",
        json_schema_extra=says("start", unit="px", step=8),
    )

    @property
    def takes_changes(self) -> bool:
        return super().takes_changes and len(self.ladder) == 1

    @property
    def picture_count(self) -> int:
        return self.batch_size * len(self.ladder)

    @property
    def drawn_size(self) -> tuple[int, int]:
        width, height = super().drawn_size
        if self.only_masked:
            return width, height
        return (
            width + self.outpaint_left + self.outpaint_right,
            height + self.outpaint_top + self.outpaint_bottom,
        )

    @property
    def outpaints(self) -> bool:
        """Whether the picture grows on some side."""
        return any(
            (self.outpaint_left, self.outpaint_right, self.outpaint_top, self.outpaint_bottom)
        )

    def missing_picture(self, given: Collection[str]) -> str | None:
        if "image" in given:
            return self.missing_reference(given)
        return "There is no picture to start from; upload one, or send a result here."

    @property
    def ladder(self) -> tuple[float, ...]:
        """The strengths to run: `strengths` where given, else the one `strength`."""
        return self.strengths or (self.strength,)

    def model_steps(self, strength: float) -> int:
        """Steps that run at `strength`: int(steps * strength), rounded as diffusers rounds it."""
        return int(self.steps * strength)

    @property
    def starts_from_picture(self) -> bool:
        """Whether `strength` counts at all."""
        return True

    @model_validator(mode="after")
    def _what_is_asked_can_run(self) -> Self:
        for strength in self.ladder if self.starts_from_picture else ():
            if self.model_steps(strength) < 1:
                # Rounded up, so that the number in the sentence does run a step.
                enough = math.ceil(1000 / self.steps) / 1000
                raise ValueError(
                    f"strength {strength:g} of {self.steps} steps runs no step at all; use a "
                    f"strength of at least {enough:g}, or more steps"
                )
        return self


class HiresStage(Img2ImgSettings):
    """The second stage of hires fix: no mode of its own, but what its stored steps belong to."""

    mode: ClassVar[str] = "hires"
    pictures: ClassVar[tuple[str, ...]] = ()
    live: ClassVar[bool] = False


class StyleTransferSettings(Img2ImgSettings):
    """A new picture on the edges of another (ControlNet, Zhang et al. 2023).

    The pictures travel beside the settings: "image", the source, "control_image", which is used
    as the control directly, without the detector, "mask" and "reference".
    """

    mode: ClassVar[str] = "style_transfer"
    place: ClassVar[int] = 30
    needs: ClassVar[tuple[str, ...]] = ("from_noise", "controlnet")
    pictures: ClassVar[tuple[str, ...]] = ("image", "control_image", "mask", REFERENCE)
    regions_read: ClassVar[bool] = False

    detector: DetectorName = Field(
        "canny",
        description="What is taken from the source picture.",
        json_schema_extra=says("control"),
    )
    canny_low: int = Field(
        100,
        title="Canny low",
        ge=0,
        le=255,
        description="Weak edges above this are kept where they touch strong.",
        json_schema_extra=says("control", step=1),
    )
    canny_high: int = Field(
        200,
        ge=0,
        le=255,
        description="Edges above this are always kept; lower finds more.",
        json_schema_extra=says("control", step=1),
    )
    control_scale: float = Field(
        1.0,
        ge=0.0,
        le=2.0,
        description="How closely the edges are followed; 0 ignores them.",
        json_schema_extra=says("control", step=0.05),
    )
    control_start: Fraction = Field(
        0.0,
        description="Where in the run the control begins.",
        json_schema_extra=says("control", unit="of the run", step=0.05),
    )
    control_end: Fraction = Field(
        1.0,
        description="Where in the run the control ends.",
        json_schema_extra=says("control", unit="of the run", step=0.05),
    )
    control_mode: ControlMode = Field(
        "balanced",
        description="Which of prompt and control counts for more.",
        json_schema_extra=says(
            "control", choices={"prompt": "prompt counts more", "control": "edges count more"}
        ),
    )
    start_from: StartFrom = Field(
        "noise",
        description="Start from pure noise, or from the source at the strength above.",
        json_schema_extra=says(
            "start", choices={"noise": "pure noise", "picture": "the source picture"}
        ),
    )
    controlnet: str | None = Field(
        None,
        title="ControlNet",
        min_length=1,
        max_length=300,
        description="The ControlNet; none given, the one that fits model and detector.",
        json_schema_extra=says("control"),
    )
    controls: tuple[ControlUse, ...] = Field(
        (),
        title="Controls",
        max_length=4,
        description="Several ControlNets with pictures of their own, instead.",
        json_schema_extra=says("control"),
    )

    @property
    def starts_from_picture(self) -> bool:
        return self.start_from == "picture"

    def missing_picture(self, given: Collection[str]) -> str | None:
        for use in self.controls:
            if use.image not in given:
                return f"The control picture '{use.image}' is missing; send it along."
        if self.starts_from_picture and "image" not in given:
            return "Starting from the picture needs a source picture; add one."
        if not self.controls and not {"image", "control_image"} & set(given):
            return "There is no source picture yet; add one whose edges the new one shall keep."
        return self.missing_reference(given)

    @model_validator(mode="after")
    def _control_in_order(self) -> Self:
        if self.canny_low > self.canny_high:
            raise ValueError("canny_low must not lie above canny_high")
        if self.control_start > self.control_end:
            raise ValueError("control_start must not lie after control_end")
        return self

"""The card beside a model: what it recommends and what it knows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from backend.contracts.capabilities import Capabilities
from backend.contracts.errors import ModelProblem
from backend.contracts.settings.kinds import MAX_STEPS

DEFAULT_GUIDANCE = 7.0
MAX_SIDE_PX = 16_384

Prediction = Literal["epsilon", "v_prediction", "sample"]


class HiresCard(BaseModel):
    """What a card says of hires fix; None says nothing.

    Attributes:
        denoise: How far to go from the enlarged picture.
        upscaler: "latent", "lanczos" or the name of a one-pass upscaler.
        steps: Of the second stage.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    denoise: float | None = Field(default=None, ge=0.0, le=1.0)
    upscaler: str | None = Field(default=None, min_length=1, max_length=200)
    steps: int | None = Field(default=None, ge=0, le=150)

    @property
    def settings(self) -> dict[str, Any]:
        """The same as fields of settings."""
        return {f"hires_{key}": value for key, value in self.model_dump(exclude_none=True).items()}


class Card(BaseModel):
    """`card.json`. Keys that this version does not know are ignored, missing ones have defaults.

    Attributes:
        title: Name to show, also read from `name`; empty means the model's name.
        native_size: (width, height) in px that the model learned; a single number means a
            square, None means what its config says.
        guidance_scale: Recommended guidance.
        steps: How many it recommends; None: as its kind does.
        noise_level: What it recommends to put on a picture that it enlarges; None: as its kind.
        faithful: Whether what it enlarges is given the small picture's colours back, see
            `pictures.back_projection`; for models that draw outlines well and colours loosely.
        example_prompts: Prompts that it draws well.
        known_words: Words that it has learned; a dict of lists is flattened.
        prediction_type: What its UNet predicts, against whatever its files say; None: as they say.
        zero_terminal_snr: Whether its noise schedule ends in pure noise; None: as they say.
        default: Whether the studio opens on this model.
        hires: What its second stage does best, where that differs from the usual.
        version: Of the weights, e.g. "Pocket 1"; LoRAs and ControlNets name the one they fit.
        clean_caption: Whether T5 is given prompts cleaned, as DeepFloyd's models learned them.
        base_version: Of a ControlNet: the version of the model that it was trained on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    title: str = Field(default="", max_length=200, validation_alias=AliasChoices("title", "name"))
    native_size: tuple[int, int] | None = None
    guidance_scale: float = Field(default=DEFAULT_GUIDANCE, ge=0.0, le=30.0)
    steps: int | None = Field(default=None, ge=1, le=MAX_STEPS)
    noise_level: int | None = Field(default=None, ge=0, le=999)
    faithful: bool = False
    example_prompts: tuple[str, ...] = ()
    known_words: tuple[str, ...] = ()
    prediction_type: Prediction | None = None
    zero_terminal_snr: bool | None = None
    default: bool = False
    hires: HiresCard = HiresCard()
    version: str = Field(default="", max_length=100)
    clean_caption: bool = True
    base_version: str = Field(default="", max_length=100)

    @field_validator("native_size", mode="before")
    @classmethod
    def _square(cls, value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value

    @field_validator("native_size")
    @classmethod
    def _usable(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not all(1 <= side <= MAX_SIDE_PX for side in value):
            raise ValueError(f"sides lie between 1 and {MAX_SIDE_PX} px")
        return value

    @field_validator("known_words", mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        if isinstance(value, dict):
            groups = cast("dict[str, list[Any]]", value)
            return [word for group in groups.values() for word in group]
        return value

    def recommended(self, can: Capabilities) -> Capabilities:
        """What its kind can, with what this card recommends; no more noise than it takes."""
        if self.steps is not None:
            can = replace(can, steps=self.steps)
        if self.noise_level is not None and can.enlarges is not None:
            level = min(self.noise_level, can.enlarges.most_noise)
            can = replace(can, enlarges=replace(can.enlarges, noise_level=level))
        if self.faithful and can.enlarges is not None:
            can = replace(can, enlarges=replace(can.enlarges, faithful=True))
        return can

    def misfit(self, base_version: str) -> str | None:
        """Why what was made for `base_version` does not fit this model; None if it may fit.

        Who names no version is let through, as is every model without one.
        """
        if not self.version or not base_version or self.version == base_version:
            return None
        return f"It was made for {base_version}; this model is {self.version}."


def read_card(path: Path) -> Card:
    """Reads a card; the defaults where there is none.

    Raises:
        ModelProblem: The file exists but is no card; names the key at fault.
    """
    if not path.is_file():
        return Card()
    try:
        return Card.model_validate(json.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelProblem(f"{path.name} is not usable: '{where}' {first['msg']}.") from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ModelProblem(f"{path.name} cannot be read: {type(error).__name__}.") from None

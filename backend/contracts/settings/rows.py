"""What settings are made of: frozen models, and the rows of LoRAs, ControlNets and templates."""

from __future__ import annotations

from typing import Any, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from backend.contracts.settings import blocks as block_text
from backend.contracts.settings.kinds import DetectorName, Fraction, Prompt


class Frozen(BaseModel):
    """Refuses unknown names, text for numbers, and changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_text_for_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[info.field_name or ""].annotation
        numeric = {int, float} & {annotation, *get_args(annotation)}
        if numeric and isinstance(value, (str, bool)):
            raise ValueError("must be a number, not text or a truth value")
        return value


class LoraUse(Frozen):
    """One LoRA in a mix.

    Attributes:
        name: File stem in the LoRA folder.
        weight: Scale s in W0 + s B A.
        start: Fraction of the run at which it begins to act.
        end: Fraction of the run at which it stops.
        on: False keeps the row without its effect.
        blocks: Factors for the blocks of a U-Net (`settings.blocks`), "" for 1 everywhere.
    """

    name: str = Field(min_length=1, max_length=200)
    weight: float = Field(1.0, ge=-10.0, le=10.0)
    start: Fraction = 0.0
    end: Fraction = 1.0
    on: StrictBool = True
    blocks: str = Field(default="", max_length=block_text.MAX_CHARS)

    @field_validator("blocks")
    @classmethod
    def _blocks_said(cls, text: str) -> str:
        return block_text.canonical(text)

    @model_serializer(mode="wrap")
    def _usual_unsaid(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Some are written only where they say something, so that other versions read the rest."""
        values = written(self)
        usual = {"on": True, "blocks": ""}
        return {key: value for key, value in values.items() if usual.get(key) != value}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start > self.end:
            raise ValueError("start must not lie after end")
        return self


class ControlUse(Frozen):
    """One ControlNet among several.

    Attributes:
        name: Of the ControlNet.
        image: Which of the request's pictures its control is made of.
        detector: What is taken from that picture; "identity" uses it as it is.
        weight: Conditioning scale.
        start: Fraction of the run at which it begins to act.
        end: Fraction of the run at which it stops.
    """

    name: str = Field(min_length=1, max_length=300)
    image: str = Field("control_image", min_length=1, max_length=40)
    detector: DetectorName = "identity"
    weight: float = Field(1.0, ge=0.0, le=2.0)
    start: Fraction = 0.0
    end: Fraction = 1.0

    @model_serializer(mode="wrap")
    def _detector_unsaid(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Written only where it takes something, so that records stay what other versions read."""
        values = written(self)
        said = self.detector != "identity"
        return {key: value for key, value in values.items() if key != "detector" or said}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start > self.end:
            raise ValueError("start must not lie after end")
        return self


class Template(Frozen):
    """What a prompt was drawn from.

    Attributes:
        field: Name of the prompt's field, or of the region, as "region 1".
        text: As it was written, with its wildcards.
    """

    field: str = Field(min_length=1, max_length=40)
    text: Prompt

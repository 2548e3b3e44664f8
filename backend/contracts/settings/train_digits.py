"""What a training from nothing is asked for: the schema of the Lab's panel and `/train_digits`."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    field_validator,
)

from backend.contracts.errors import BadInput
from backend.contracts.settings.train_lora import name_of_a_file


class TrainDigitsSettings(BaseModel):
    """A diffusion model of drawn digits, trained from random weights.

    A field's `description` is its one-sentence hint on the page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    mode: ClassVar[str] = "lab_digits"
    model: ClassVar[str] = ""  # it starts from none

    name: str = Field(min_length=1, max_length=100, description="Name of the model and its folder.")
    minutes: float = Field(
        5.0,
        ge=0.05,
        le=600.0,
        description="How long it learns; pauses for other jobs are not counted.",
        json_schema_extra={"unit": "min", "step": 1},
    )
    steps: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Training steps; go before the minutes.",
        json_schema_extra={"step": 1},
    )
    width: int = Field(
        10,
        ge=4,
        le=32,
        multiple_of=2,
        description="Channels of the UNet's first level; its others have 2, 4 and 8 times as many.",
        json_schema_extra={"step": 2},
    )
    batch_size: int = Field(
        32,
        title="Digits a step",
        ge=1,
        le=512,
        description="Drawings that one step learns from; more make steadier and slower steps.",
        json_schema_extra={"step": 1},
    )
    learning_rate: float = Field(
        1e-3, gt=0.0, le=1.0, description="Size of a step; too large, and the loss explodes."
    )
    seed: int = Field(
        0, ge=0, le=2**32 - 1, description="Of the first weights, the drawings and the noise."
    )
    sheet_every_s: float = Field(
        20.0,
        title="Sheet every",
        ge=1.0,
        le=3600.0,
        description="Time between two sheets of samples.",
        json_schema_extra={"unit": "s", "step": 5},
    )
    resume: StrictBool = Field(False, description="Go on with the stopped training of that name.")

    @field_validator("name")
    @classmethod
    def _name_of_a_file(cls, value: str) -> str:
        return name_of_a_file(value)

    @property
    def fixed(self) -> tuple[int, int, float, int]:
        """What a resumed training cannot change: width, batch, learning rate, seed."""
        return self.width, self.batch_size, self.learning_rate, self.seed


def parse_digits(values: dict[str, Any]) -> TrainDigitsSettings:
    """Validates `values`.

    Raises:
        BadInput: Names the first field at fault and says what it accepts.
    """
    try:
        return TrainDigitsSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        if field == "name" and first["type"] in ("string_too_short", "missing"):
            raise BadInput("Give the model a name.", "name") from None
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise BadInput(f"'{field[:80]}': {reason[0].lower() + reason[1:]}.", field) from None

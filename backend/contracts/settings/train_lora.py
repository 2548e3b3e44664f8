"""What a training is asked for: the schema of the panel and of `/train_lora`.

`None` means "what the preset says" and is replaced by `resolved`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    field_validator,
)

from backend.contracts.errors import BadInput
from backend.contracts.settings.kinds import MAX_SIDE_PX

TrainingPreset = Literal["style", "one_picture"]
MAX_PICTURES = 100

# "style": many pictures, few passes. "one_picture": overfits on purpose.
PRESETS: dict[TrainingPreset, dict[str, Any]] = {
    "style": {"epochs": 15, "rank": 8, "learning_rate": 1e-4},
    "one_picture": {"epochs": 200, "rank": 16, "learning_rate": 2e-4},
}
_NOT_IN_NAMES = set('/\\<>:"|?*')


def name_of_a_file(value: str) -> str:
    """A name that a file can have on every system; raises ValueError with the reason."""
    if value != value.strip() or value[:1] == "." or value[-1:] == ".":
        raise ValueError("a name must not begin or end with a space or a dot")
    if any(char in _NOT_IN_NAMES or not char.isprintable() for char in value):
        raise ValueError('a name becomes a file; leave out / \\ < > : " | ? and *')
    return value


class TrainLoraSettings(BaseModel):
    """A LoRA learned from 1 to 100 pictures.

    A field's `description` is its one-sentence hint on the page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    mode: ClassVar[str] = "train_lora"

    name: str = Field(min_length=1, max_length=100, description="Name of the LoRA and its file.")
    model: str = Field(
        "", max_length=300, description="The checkpoint that it is for; empty is the default one."
    )
    preset: TrainingPreset = Field(
        "style",
        title="What it learns",
        description="A style from many pictures, or one picture, learned by heart.",
    )
    caption: str = Field(
        "",
        title="Caption for all",
        max_length=2000,
        description="What pictures show that have no caption of their own.",
    )
    epochs: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Passes over the pictures.",
        json_schema_extra={"step": 1},
    )
    steps: int | None = Field(
        None, ge=1, le=1_000_000, description="Training steps; go before the epochs."
    )
    rank: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Size of the LoRA; more holds more.",
        json_schema_extra={"step": 1},
    )
    convolutions: StrictBool = Field(
        False,
        description="Learn with the convolutions too (LoCon): textures come sooner, and the "
        "file is about four times as large.",
    )
    learning_rate: float | None = Field(
        None, gt=0.0, le=1.0, description="Size of a step; too large, and the loss explodes."
    )
    lr_schedule: Literal["constant", "cosine"] = Field(
        "constant",
        title="Learning rate over time",
        description="Whether the learning rate stays, or falls to zero by the end.",
    )
    resolution: int | None = Field(
        None,
        ge=1,
        le=MAX_SIDE_PX,
        description="Side of the square that the pictures are cut to; empty is the model's own.",
        json_schema_extra={"unit": "px"},
    )
    noise_offset: float = Field(
        0.1,
        ge=0.0,
        le=1.0,
        description="Lets dark and bright pictures be learned.",
        json_schema_extra={"step": 0.05},
    )
    accumulation: int = Field(
        1,
        ge=1,
        le=256,
        description="Pictures that a step averages over.",
        json_schema_extra={"step": 1},
    )
    min_snr_gamma: float | None = Field(
        None,
        title="Min-SNR gamma",
        gt=0.0,
        le=100.0,
        description="Weighs noise levels evenly (Hang et al. 2023); empty is off, 5 is usual.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Of first weights, order and noise.")
    checkpoint_every: int = Field(
        500,
        ge=1,
        le=1_000_000,
        description="Steps between checkpoints.",
        json_schema_extra={"step": 1, "unit": "steps"},
    )
    validation_prompt: str = Field(
        "",
        max_length=2000,
        description="Drawn now and then to watch it learn; empty is the first caption.",
    )
    validation_every: int | None = Field(
        None,
        title="Validate every",
        ge=0,
        le=1_000_000,
        description="Steps between those pictures; empty is an eighth of the training, 0 is never.",
    )
    validation_seed: int = Field(0, ge=0, le=2**32 - 1, description="Their seed.")
    resume: StrictBool = Field(False, description="Go on with the stopped training of that name.")

    @field_validator("name")
    @classmethod
    def _name_of_a_file(cls, value: str) -> str:
        return name_of_a_file(value)

    def resolved(self, native_side_px: int) -> Self:
        """Fills in the preset and the resolution."""
        values = PRESETS[self.preset] | {"resolution": native_side_px}
        return self.model_copy(
            update={name: value for name, value in values.items() if getattr(self, name) is None}
        )


def parse_training(values: dict[str, Any]) -> TrainLoraSettings:
    """Validates `values`.

    Raises:
        BadInput: Names the first field at fault and says what it accepts.
    """
    try:
        return TrainLoraSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        if field == "name" and first["type"] in ("string_too_short", "missing"):
            raise BadInput("Give the LoRA a name.", "name") from None
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise BadInput(f"'{field[:80]}': {reason[0].lower() + reason[1:]}.", field) from None

"""A picture that others are drawn like, by the model's own attention or by an IP-Adapter."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from backend.contracts.fields import says
from backend.contracts.settings.kinds import Fraction

REFERENCE = "reference"  # the picture's name
SWITCHED_ON = 1.0  # the weight where a picture is added
ReferenceMode = Literal["append", "replace"]


class ReferenceFields(BaseModel):
    """Fields of the modes that can follow a reference; the picture travels beside them."""

    reference_weight: float = Field(
        0.0,
        title="Follow it",
        ge=0.0,
        le=2.0,
        description="How much of the reference picture is looked at; 0 is off, 1 is usual.",
        json_schema_extra=says("guidance", later=True, step=0.05, needs="attention"),
    )
    reference_mode: ReferenceMode = Field(
        "append",
        title="Attention",
        description="Looks at the reference beside the picture itself, or in its place.",
        json_schema_extra=says(
            "guidance",
            later=True,
            choices={"append": "beside itself", "replace": "in its own place"},
        ),
    )
    reference_noise: Literal["fresh", "inverted"] = Field(
        "fresh",
        title="Its noise",
        description="The reference is noised afresh, or by what DDIM turns into it.",
        json_schema_extra=says(
            "guidance",
            later=True,
            choices={"fresh": "fresh", "inverted": "its own (inverted)"},
        ),
    )
    reference_adapter: str = Field(
        "",
        title="By",
        max_length=300,
        description="An IP-Adapter of models/ipadapter; without one, the model's own attention.",
        json_schema_extra=says("guidance", later=True),
    )
    reference_start: Fraction = Field(
        0.0,
        description="Where in the run the reference begins to act.",
        json_schema_extra=says("guidance", later=True, unit="of the run", step=0.05),
    )
    reference_end: Fraction = Field(
        1.0,
        description="Where in the run it ends.",
        json_schema_extra=says("guidance", later=True, unit="of the run", step=0.05),
    )

    @property
    def refers(self) -> bool:
        """Whether a reference acts."""
        return self.reference_weight > 0

    def missing_reference(self, given: Collection[str]) -> str | None:
        """What to say where it is to act and is not among the pictures `given` by name."""
        if not self.refers or REFERENCE in given:
            return None
        return "There is no reference picture; add one, or set reference_weight to 0."

    @model_validator(mode="after")
    def _reference_in_order(self) -> Self:
        if self.reference_start > self.reference_end:
            raise ValueError("reference_start must not lie after reference_end")
        if self.reference_adapter and self.reference_mode == "replace":
            raise ValueError(
                "an IP-Adapter looks at the reference beside the prompt; leave reference_mode at "
                "'append'"
            )
        if self.reference_adapter and self.reference_noise == "inverted":
            raise ValueError(
                "an IP-Adapter sees the reference without noise; leave reference_noise at 'fresh'"
            )
        if self.reference_mode == "replace" and self.reference_weight > 1:
            raise ValueError(
                "a reference takes at most all of the picture's own place: with 'replace', "
                "reference_weight goes up to 1"
            )
        return self

"""Regions: up to four places of a picture with a prompt of their own."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    model_serializer,
    model_validator,
)

from backend.contracts.conditions import parts
from backend.contracts.fields import says
from backend.contracts.settings.kinds import Fraction, Prompt
from backend.contracts.settings.rows import Frozen, LoraUse

MOST_REGIONS = 4
MOST_CELLS = 32  # along a side of what is painted
MOST_LORAS = 8  # of one region
WHOLE = (0.0, 0.0, 1.0, 1.0)


class Region(Frozen):
    """One place of a picture, and what it shows.

    Attributes:
        prompt: What it shows; the run's own prompt is for the rest.
        box: Left, top, right and bottom, in parts of the picture.
        cells: Painted instead of the box: rows of 0 and 1 from the top, / between them.
        weight: How hard its prompt pulls there; 0 leaves the place to the rest.
        on: False keeps the row without its effect.
        loras: That act there, beside those of the whole picture.
    """

    prompt: Prompt = ""
    box: tuple[Fraction, Fraction, Fraction, Fraction] = WHOLE
    cells: str = Field("", max_length=MOST_CELLS * (MOST_CELLS + 1), pattern=r"^[01]*(/[01]+)*$")
    weight: float = Field(1.0, ge=0.0, le=3.0)
    on: StrictBool = True
    loras: tuple[LoraUse, ...] = Field((), max_length=MOST_LORAS)

    @model_serializer(mode="wrap")
    def _no_loras_unsaid(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Written only where there are some, so that records stay what other versions read."""
        values = written(self)
        return {key: value for key, value in values.items() if key != "loras" or value}

    @model_validator(mode="after")
    def _a_place(self) -> Self:
        left, top, right, bottom = self.box
        if left > right or top > bottom:
            raise ValueError("a region's box is left, top, right, bottom, in this order")
        rows = self.painted
        if rows and (len({len(row) for row in rows}) != 1 or len(rows) > MOST_CELLS):
            raise ValueError("the painted rows of a region are of one length")
        if rows and len(rows[0]) > MOST_CELLS:
            raise ValueError(f"a region is painted in up to {MOST_CELLS} x {MOST_CELLS} cells")
        return self

    @property
    def painted(self) -> tuple[str, ...]:
        """Rows of what is painted; () where the box says it."""
        return tuple(self.cells.split("/")) if self.cells else ()

    @property
    def acts(self) -> bool:
        """Whether it changes anything: it has a weight and a place."""
        left, top, right, bottom = self.box
        somewhere = "1" in self.cells if self.cells else left < right and top < bottom
        return self.on and self.weight > 0 and somewhere

    @property
    def acting_loras(self) -> tuple[LoraUse, ...]:
        """The rows that are on and have a weight; none where the region does not act."""
        return tuple(use for use in self.loras if use.on and use.weight) if self.acts else ()

    @property
    def covers_all(self) -> bool:
        """Whether nothing of the picture is left to the rest."""
        return "0" not in self.cells if self.cells else self.box == WHOLE


class RegionFields(BaseModel):
    """Fields of the modes whose pictures may have regions."""

    regions_read: ClassVar[bool] = True  # by attention, where nothing else reads the prompt too

    regions: tuple[Region, ...] = Field(
        (),
        max_length=MOST_REGIONS,
        description="Places with a prompt of their own; the prompt is for the rest.",
        json_schema_extra=says("prompt", later=True, axis=False, needs="guidance"),
    )
    region_soft: Fraction = Field(
        0.1,
        title="Soft edges",
        description="How wide regions blend into what is beside them, of the shorter side.",
        json_schema_extra=says("guidance", later=True, unit="of the side", step=0.01),
    )

    region_base: Fraction = Field(
        0.55,
        title="Base",
        description="How much of every region the prompt above keeps; it holds the picture "
        "together. Name what the regions show there, too.",
        json_schema_extra=says("guidance", later=True, step=0.05),
    )
    region_by: Literal["prediction", "attention"] = Field(
        "prediction",
        title="Told apart by",
        description="Each region is a row of the model's call (prediction), or each place of one "
        "row reads its own prompt (attention): cheaper, and looser.",
        json_schema_extra=says("guidance", later=True),
    )

    @property
    def kept_base(self) -> float:
        """How much of each region that does not cover all the prompt keeps; an empty one none."""
        return self.region_base if getattr(self, "prompt", "").strip() else 0.0

    @property
    def by_attention(self) -> bool:
        """Whether regions are told apart by what each place reads."""
        return self.region_by == "attention" and bool(self.acting_regions)

    @property
    def _needs_rows(self) -> bool:
        regions = self.acting_regions
        if not self.regions_read:
            return True
        said = (getattr(self, "prompt", ""), *(region.prompt for region in regions))
        return bool(loras_of_regions(self)) or any(parts(text) > 1 for text in said)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if self.region_by == "attention" and self.acting_regions and self._needs_rows:
            raise ValueError(
                "regions with LoRAs, prompts that AND joins and pictures under a ControlNet are "
                "told apart by prediction; set region_by to it"
            )
        return self

    @property
    def acting_regions(self) -> tuple[Region, ...]:
        """Those that have a weight and a place."""
        return tuple(region for region in self.regions if region.acts)


def loras_of_regions(settings: object) -> tuple[LoraUse, ...]:
    """Those that act in a part of the picture alone, each once."""
    uses = (use for region in acting_regions(settings) for use in region.acting_loras)
    return tuple(dict.fromkeys(uses))


def acting_regions(settings: object) -> tuple[Region, ...]:
    """Those of any settings."""
    return settings.acting_regions if isinstance(settings, RegionFields) else ()

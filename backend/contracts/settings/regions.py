"""Regions: up to four places of a picture with a prompt of their own."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, StrictBool, model_validator

from backend.contracts.fields import says
from backend.contracts.settings.kinds import Fraction, Prompt
from backend.contracts.settings.rows import Frozen

MOST_REGIONS = 4
MOST_CELLS = 32  # along a side of what is painted
WHOLE = (0.0, 0.0, 1.0, 1.0)


class Region(Frozen):
    """One place of a picture, and what it shows.

    Attributes:
        prompt: What it shows; the run's own prompt is for the rest.
        box: Left, top, right and bottom, in parts of the picture.
        cells: Painted instead of the box: rows of 0 and 1 from the top, / between them.
        weight: How hard its prompt pulls there; 0 leaves the place to the rest.
        on: False keeps the row without its effect.
    """

    prompt: Prompt = ""
    box: tuple[Fraction, Fraction, Fraction, Fraction] = WHOLE
    cells: str = Field("", max_length=MOST_CELLS * (MOST_CELLS + 1), pattern=r"^[01]*(/[01]+)*$")
    weight: float = Field(1.0, ge=0.0, le=3.0)
    on: StrictBool = True

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
    def covers_all(self) -> bool:
        """Whether nothing of the picture is left to the rest."""
        return "0" not in self.cells if self.cells else self.box == WHOLE


class RegionFields(BaseModel):
    """Fields of the modes whose pictures may have regions."""

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

    @property
    def acting_regions(self) -> tuple[Region, ...]:
        """Those that have a weight and a place."""
        return tuple(region for region in self.regions if region.acts)


def acting_regions(settings: object) -> tuple[Region, ...]:
    """Those of any settings."""
    return settings.acting_regions if isinstance(settings, RegionFields) else ()

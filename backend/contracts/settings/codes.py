"""Settings of the mode that draws codes: a picture cell by cell, or one made of codes anew."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from backend.contracts.errors import BadInput
from backend.contracts.fields import says
from backend.contracts.settings.base import Settings

MAX_CELLS_CHARS = 20_000
_CELL = re.compile(r"(\d{1,4}),(\d{1,4})(?:=(\d{1,6}))?")
NOTHING = "none"
PRIOR_TITLES = {"transformer": "transformer", "pixelcnn": "gated PixelCNN"}
DECODER_TITLES = {"vqvae": "VQ-VAE", "vqgan": "VQGAN"}


class CodesSettings(Settings):
    """A picture drawn code by code from a prompt, or a picture's own codes, changed or not.

    A picture beside the settings as "image" is taken for its codes; without one all are drawn.
    """

    mode: ClassVar[str] = "codes"
    place: ClassVar[int] = 96
    needs: ClassVar[tuple[str, ...]] = ("codes",)
    pictures: ClassVar[tuple[str, ...]] = ("image",)

    prior: Literal["transformer", "pixelcnn"] = Field(
        "transformer",
        description="What names the odds of the next code.",
        json_schema_extra=says("network", choices=PRIOR_TITLES),
    )
    decoder: Literal["vqvae", "vqgan"] = Field(
        "vqvae",
        description="What makes a picture of the codes.",
        json_schema_extra=says("decoding", choices=DECODER_TITLES),
    )
    temperature: float = Field(
        1.0,
        ge=0.05,
        le=4.0,
        description="Below 1 likely codes get likelier, above 1 unlikely ones.",
        json_schema_extra=says("noise", step=0.05),
    )
    top_k: int = Field(
        100,
        title="Top k",
        ge=0,
        le=16_384,
        description="Only so many of the likeliest codes can be chosen; 0 is all.",
        json_schema_extra=says("noise", unit="codes", step=1),
    )
    kept_rows: int = Field(
        0,
        title="Rows kept",
        ge=0,
        le=256,
        description="So many rows of the picture's cells, from the top, stay; the rest is drawn.",
        json_schema_extra=says("start", unit="rows", step=1),
    )
    redraw: str = Field(
        "",
        title="Cells",
        max_length=MAX_CELLS_CHARS,
        description="Which cells are drawn, as row,column row,column from 0; empty: all below the "
        "rows kept; none: the picture only goes through its codes.",
        json_schema_extra=says("start", axis=False),
    )
    paint: str = Field(
        "",
        title="Painted cells",
        max_length=MAX_CELLS_CHARS,
        description="Codes that are put in by hand, as row,column=code row,column=code.",
        json_schema_extra=says("start", axis=False),
    )

    @property
    def draws_none(self) -> bool:
        """Whether the picture only goes through its codes."""
        return self.redraw.strip() == NOTHING

    @property
    def chosen(self) -> tuple[tuple[int, int], ...]:
        """The cells that `redraw` names, in raster order; () where it names none."""
        if self.draws_none:
            return ()
        return tuple(sorted({(row, column) for row, column, _ in _cells(self.redraw, False)}))

    @property
    def painted(self) -> tuple[tuple[int, int, int], ...]:
        """(row, column, code) of each cell that is put in by hand."""
        return tuple(_cells(self.paint, True))

    def cells(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """What is drawn of a map of codes, in raster order; painted cells are not.

        Raises:
            BadInput: A cell lies outside.
        """
        for row, column, *_ in (*self.chosen, *self.painted):
            if row >= height or column >= width:
                raise BadInput(
                    f"The cell {row},{column} lies outside: there are {height} rows of {width}, "
                    "counted from 0.",
                    "redraw",
                )
        if self.draws_none:
            return ()
        every = self.chosen or tuple(
            (row, column) for row in range(self.kept_rows, height) for column in range(width)
        )
        by_hand = {(row, column) for row, column, _ in self.painted}
        return tuple(cell for cell in every if cell not in by_hand)

    def missing_picture(self, given: Collection[str]) -> str | None:
        if "image" in given:
            return None
        if self.draws_none or self.kept_rows or self.chosen:
            return "Only a picture has codes to keep; give it one, or let all cells be drawn."
        return None

    @model_validator(mode="after")
    def _cells_are_named(self) -> Self:
        _ = self.chosen, self.painted
        return self


def _cells(text: str, coded: bool) -> list[tuple[int, int, int]]:
    """Row, column and code (-1 where none belongs) of each word."""
    found: list[tuple[int, int, int]] = []
    for word in text.split():
        match = _CELL.fullmatch(word)
        if match is None or (match[3] is not None) != coded:
            shape = "row,column=code" if coded else "row,column"
            raise ValueError(f"'{word[:30]}' is no cell; write {shape}, e.g. 3,4{'=17' * coded}")
        found.append((int(match[1]), int(match[2]), int(match[3] or -1)))
    return found

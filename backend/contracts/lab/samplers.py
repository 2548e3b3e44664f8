"""What the Samplers panel asks for: one seed by several samplers and numbers of steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from backend.contracts.errors import BadInput
from backend.contracts.fields import says
from backend.contracts.lab.base import LabSettings
from backend.contracts.settings.base import Settings
from backend.contracts.settings.kinds import MAX_STEPS, Name
from backend.contracts.settings.txt2img import Txt2ImgSettings

MOST_CELLS = 40
REFERENCE = "euler"
SCHEDULE = "trailing"  # begins at nothing but noise, however few the steps: all walk the same way
Count = Annotated[int, Field(ge=1, le=MAX_STEPS)]


class SamplersSettings(LabSettings):
    """The same seed by several samplers, and how far each is from a run of many steps.

    Attributes:
        samplers: Rows of the table.
        counts: Its columns.
        reference_steps: Of Euler's run that all are compared with.
    """

    mode: ClassVar[str] = "lab_samplers"
    needs: ClassVar[tuple[str, ...]] = ("from_noise",)

    schedule: Name = Field(SCHEDULE, json_schema_extra=says("levels"))
    samplers: tuple[Name, ...] = Field(
        ("euler", "heun", "dpmpp_2m", "ddim"), min_length=1, json_schema_extra=says("course")
    )
    counts: tuple[Count, ...] = Field((5, 10, 20), min_length=1, json_schema_extra=says("course"))
    reference_steps: int = Field(200, ge=2, le=MAX_STEPS, json_schema_extra=says("course"))

    @property
    def cells(self) -> tuple[Txt2ImgSettings, ...]:
        """The run of many steps, then row by row."""
        rows = [(name, steps) for name in self.samplers for steps in self.counts]
        return tuple(self._cell(*row) for row in ((REFERENCE, self.reference_steps), *rows))

    def _cell(self, sampler: str, steps: int) -> Txt2ImgSettings:
        shared = {name: getattr(self, name) for name in Settings.model_fields}
        own = {"sampler": sampler, "steps": steps}
        return Txt2ImgSettings.model_validate(shared | own)

    @property
    def picture_count(self) -> int:
        """One for each cell, and the one of many steps."""
        return 1 + len(self.samplers) * len(self.counts)

    def part_like(self, past: Settings) -> Settings:
        """Each cell is a run of its own."""
        raise BadInput("The table cannot be branched; draw the one that you like in txt2img.")

    @model_validator(mode="after")
    def _a_table_to_look_at(self) -> Self:
        cells = len(self.samplers) * len(self.counts)
        if cells > MOST_CELLS:
            raise ValueError(f"the table holds {MOST_CELLS} pictures, not {cells}")
        if self.batch_size > 1 or self.batch_count > 1:
            raise ValueError("the table draws one seed; set both batches to 1")
        return self


@dataclass(frozen=True)
class Cell:
    """One picture of the table.

    Attributes:
        sampler: That drew it.
        steps: It took.
        calls: Of the model, that these came to.
        distance: Mean difference of its pixels from the run of many steps, 0..255.
        psnr: Against that, dB; 99 where they are equal.
    """

    sampler: str
    steps: int
    calls: int
    distance: float
    psnr: float


@dataclass(frozen=True)
class Compared:
    """The table so far.

    Attributes:
        reference: Sampler of the run of many steps.
        reference_steps: How many.
        cells: Those that are done, row by row.
    """

    reference: str
    reference_steps: int
    cells: tuple[Cell, ...] = ()

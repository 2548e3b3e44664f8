"""Settings of the DDIM experiment: one seed, three ways to add noise, several step counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Self

from pydantic import Field, model_validator

from backend.contracts.errors import BadInput
from backend.contracts.fields import says
from backend.contracts.settings.base import Settings
from backend.contracts.settings.kinds import MAX_STEPS, Variance
from backend.contracts.settings.txt2img import Txt2ImgSettings

MOST_COLUMNS = 8
# FID of 30,000 faces of 64 px after so many steps, row by row, of a published rerun.
PUBLISHED: Mapping[int, tuple[float | None, ...]] = {
    20: (17.80, 24.00, 213.16),
    1000: (13.09, None, 13.68),
}


class Way(NamedTuple):
    """A row: what a DDIM step adds.

    Attributes:
        label: On the table.
        eta: See `Settings.eta`.
        variance: See `Settings.variance`.
    """

    label: str
    eta: float
    variance: Variance


WAYS = (Way("eta 0", 0.0, "eta"), Way("eta 1", 1.0, "eta"), Way("sigma hat", 0.0, "sigma_hat"))


class DdimTableSettings(Settings):
    """The same seed by DDIM with eta 0, eta 1 and sigma hat, after few steps and after many.

    Each picture is a run of txt2img, and its record says so; the last one is the whole table.
    """

    mode: ClassVar[str] = "ddim_table"
    place: ClassVar[int] = 95
    needs: ClassVar[tuple[str, ...]] = ("from_noise",)

    step_counts: str = Field(
        "10, 20, 50, 100",
        title="Step counts",
        max_length=80,
        description="The table's columns: up to eight numbers of steps; the last is compared with.",
        json_schema_extra=says("course"),
    )

    @property
    def counts(self) -> tuple[int, ...]:
        """The step counts, rising."""
        words = [word for word in re.split(r"[\s,;]+", self.step_counts) if word]
        if not all(word.isascii() and word.isdigit() and len(word) <= 4 for word in words):
            raise ValueError("step_counts are numbers, e.g. 10, 20, 50, 100")
        return tuple(sorted({int(word) for word in words}))

    @property
    def cells(self) -> tuple[Txt2ImgSettings, ...]:
        """A run for each picture: the columns of the first row, of the second, and so on."""
        return tuple(self._cell(way, steps) for way in WAYS for steps in self.counts)

    def _cell(self, way: Way, steps: int) -> Txt2ImgSettings:
        shared = {name: getattr(self, name) for name in Settings.model_fields}
        own = {
            "sampler": "ddim",
            "schedule": "trailing",
            "steps": steps,
            "eta": way.eta,
            "variance": way.variance,
        }
        return Txt2ImgSettings.model_validate(shared | own)

    @property
    def picture_count(self) -> int:
        return len(WAYS) * len(self.counts) + 1

    @property
    def fewest_together(self) -> int:
        return 1

    def part_like(self, past: Settings) -> Settings:
        raise BadInput(
            "The table cannot be branched: each of its pictures is a run of its own. Send the one "
            "that you like to txt2img instead."
        )

    @model_validator(mode="after")
    def _every_cell_can_be_drawn(self) -> Self:
        counts = self.counts
        if not 1 <= len(counts) <= MOST_COLUMNS:
            raise ValueError(f"step_counts takes 1 to {MOST_COLUMNS} numbers, not {len(counts)}")
        if not 1 <= counts[0] <= counts[-1] <= MAX_STEPS:
            raise ValueError(f"step_counts must lie between 1 and {MAX_STEPS}")
        if self.batch_size > 1 or self.batch_count > 1:
            raise ValueError("the table draws one seed; set both batches to 1")
        return self

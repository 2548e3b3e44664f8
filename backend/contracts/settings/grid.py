"""Settings of an X/Y/Z grid, which is made of other modes' settings."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import (
    Field,
    model_validator,
)

from backend.contracts import axes
from backend.contracts.axes import LORA, PROMPT_SR, Mark
from backend.contracts.errors import BadInput
from backend.contracts.fields import says
from backend.contracts.settings.base import Settings
from backend.contracts.settings.clip import ClipSettings
from backend.contracts.settings.img2img import Img2ImgSettings, StyleTransferSettings
from backend.contracts.settings.kinds import MAX_CELLS, AxisName, AxisText, GridMode
from backend.contracts.settings.parsing import parsed
from backend.contracts.settings.reference import REFERENCE
from backend.contracts.settings.txt2img import LoraMixSettings, Txt2ImgSettings

BASE_MODES: dict[GridMode, type[Settings]] = {
    "txt2img": Txt2ImgSettings,
    "img2img": Img2ImgSettings,
    "style_transfer": StyleTransferSettings,
    "lora_mix": LoraMixSettings,
}
"""What a grid may be made of."""


class XyzGridSettings(Settings):
    """A grid of pictures over the values of up to three settings, from one set of the others.

    What every mode shares stands here as in the mode itself; `base` has what only the base mode
    has. Each cell is a run of the base mode and its record says so.
    """

    mode: ClassVar[str] = "xyz_grid"
    place: ClassVar[int] = 100
    pictures: ClassVar[tuple[str, ...]] = ("image", "mask", "control_image", REFERENCE)
    outlives_watcher: ClassVar[bool] = True

    base_mode: GridMode = Field(
        "txt2img", description="The mode that draws each cell.", json_schema_extra=says("course")
    )
    base: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings that only the base mode has, by name.",
        json_schema_extra=says("course"),
    )
    x_field: AxisName = Field(
        "",
        description="The setting that changes from left to right.",
        json_schema_extra=says("course"),
    )
    x_values: AxisText = Field(
        "",
        description="Its values: 1-10 [5], 1-5 (+2), or a, b, c.",
        json_schema_extra=says("course"),
    )
    y_field: AxisName = Field(
        "",
        description="The setting that changes from top to bottom.",
        json_schema_extra=says("course"),
    )
    y_values: AxisText = Field("", description="Its values.", json_schema_extra=says("course"))
    z_field: AxisName = Field(
        "",
        description="The setting that changes from grid to grid.",
        json_schema_extra=says("course"),
    )
    z_values: AxisText = Field("", description="Its values.", json_schema_extra=says("course"))

    @model_validator(mode="after")
    def _every_cell_can_be_drawn(self) -> Self:
        shared = sorted(set(self.base) & set(Settings.model_fields))
        if shared:
            raise BadInput(f"'{shared[0]}' stands beside 'base', not in it.", f"base.{shared[0]}")
        x, y, z = (len(axis) for axis in self.axes)
        if x * y * z > MAX_CELLS:
            raise BadInput(
                f"{x} x {y} x {z} is {x * y * z} cells; a grid takes {MAX_CELLS}.", "x_values"
            )
        used = [name for name in (self.x_field, self.y_field, self.z_field) if name]
        twice = next((name for name in used if name != PROMPT_SR and used.count(name) > 1), None)
        if twice:
            raise BadInput(f"'{twice}' stands on two axes; choose another for one.", "y_field")
        for cell in self.cells():
            if cell.picture_count * cell.batch_count != 1:
                raise BadInput(
                    "A grid draws one picture a cell; leave out what makes several "
                    "(batch_size, batch_count, strengths, compare).",
                    "batch_size",
                )
        return self

    @property
    def axes(self) -> tuple[tuple[Mark, ...], ...]:
        """The values along x, y and z, at least one each."""
        fields = axis_fields(self.base_mode)
        found: list[tuple[Mark, ...]] = []
        for letter in "xyz":
            name, text = getattr(self, f"{letter}_field"), getattr(self, f"{letter}_values")
            try:
                found.append(axes.marks(name, text, fields))
            except BadInput as error:
                raise BadInput(f"{letter.upper()}: {error}", f"{letter}_values") from None
        return tuple(found)

    @property
    def plain(self) -> dict[str, Any]:
        """The settings of the base mode as they are off the axes."""
        shared = {name: getattr(self, name) for name in Settings.model_fields}
        return shared | {"loras": [use.model_dump() for use in self.loras]} | self.base

    def cells(self) -> list[Settings]:
        """The settings of every cell: x runs fastest, then y, then z.

        Raises:
            BadInput: A value is out of range; names the cell.
        """
        x, y, z = self.axes
        plain = self.plain
        return [self._cell(plain, (a, b, c)) for c in z for b in y for a in x]

    def _cell(self, plain: dict[str, Any], at: tuple[Mark, ...]) -> Settings:
        values = dict(plain)
        for mark in at:
            for name, value in mark.change.items():
                if name == PROMPT_SR:
                    values |= _replaced(values, *value)
                elif name.startswith(LORA):
                    values["loras"] = _weighed(values["loras"], name.removeprefix(LORA), value)
                else:
                    values[name] = value
        try:
            return parsed(BASE_MODES[self.base_mode], values)
        except BadInput as error:
            where = ", ".join(mark.label for mark in at if mark.label)
            raise BadInput(f"{where}: {error}" if where else str(error), error.field) from None

    @property
    def picture_count(self) -> int:
        return math.prod(len(axis) for axis in self.axes)

    @property
    def model_steps(self) -> int:
        """Model steps of all cells together."""
        return sum(steps_of(cell) for cell in self.cells())

    @property
    def fewest_together(self) -> int:
        return 1

    def missing_picture(self, given: Collection[str]) -> str | None:
        return next(filter(None, (cell.missing_picture(given) for cell in self.cells())), None)


def steps_of(settings: Settings) -> int:
    """Model steps that the settings come to for one picture, or for all cells of a grid."""
    if isinstance(settings, XyzGridSettings):
        return settings.model_steps
    if isinstance(settings, ClipSettings):
        return settings.model_steps
    if isinstance(settings, Img2ImgSettings) and settings.starts_from_picture:
        return sum(settings.model_steps(strength) for strength in settings.ladder)
    if isinstance(settings, Txt2ImgSettings) and settings.later:
        return settings.steps + sum(row.steps for row in settings.later)
    if isinstance(settings, Txt2ImgSettings) and settings.hires:
        second = int((settings.hires_steps or settings.steps) * settings.hires_denoise)
        return settings.steps + second
    return settings.steps


@cache
def axis_fields(mode: GridMode) -> dict[str, dict[str, Any]]:
    """The settings of a mode that may stand on an axis of a grid, with their JSON schemas."""
    return axes.fields_of(BASE_MODES[mode].model_json_schema()["properties"])


def _replaced(values: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """Prompts with `old` replaced; one of them must hold it."""
    prompts = {name: str(values[name]) for name in ("prompt", "negative_prompt")}
    if not any(old in text for text in prompts.values()):
        raise BadInput(
            f"'{old[:80]}' occurs neither in the prompt nor in the negative prompt; "
            "the first value is what is searched for.",
            "prompt",
        )
    return {name: text.replace(old, new) for name, text in prompts.items()}


def _weighed(loras: list[dict[str, Any]], name: str, weight: float) -> list[dict[str, Any]]:
    """The rows with that LoRA at that weight, added where it is not among them."""
    if any(row["name"] == name for row in loras):
        return [row | {"weight": weight} if row["name"] == name else row for row in loras]
    return [*loras, {"name": name, "weight": weight}]

"""Samplers, schedules and upscalers on a grid's axes: named as the library does, and paired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backend.contracts.axes import key_of, listed
from backend.contracts.errors import BadInput
from backend.contracts.library import Library
from backend.contracts.settings import Settings, XyzGridSettings
from backend.resolve import enlarged

AXES = "xyz"


def spelled(grid: XyzGridSettings, library: Library) -> XyzGridSettings:
    """The grid with samplers, schedules and upscalers on its axes by their own names.

    `DPM++ 2M`, `dpmpp-2m` and `dpmpp_2m` are the same.

    Raises:
        BadInput: There is none of that name.
    """
    entries = library.samplers.values()
    known: Mapping[str, Mapping[str, str]] = {
        "sampler": _keys((word, one.name) for one in entries for word in (one.title, one.name)),
        "schedule": _keys((name, name) for one in entries for name in one.schedules),
        "hires_upscaler": _keys((name, name) for name in enlarged.hires_ways(library)),
    }
    changed: dict[str, str] = {}
    for letter in AXES:
        field = getattr(grid, f"{letter}_field")
        if field in known:
            changed[f"{letter}_values"] = _spelled(
                letter, field, getattr(grid, f"{letter}_values"), known[field]
            )
    return grid.model_copy(update=changed) if changed else grid


def cells(grid: XyzGridSettings, library: Library) -> list[Settings]:
    """The settings of every cell.

    A sampler on an axis takes the first of its own schedules where it lacks the grid's; the
    record of the cell says so.
    """
    on_axes = {getattr(grid, f"{letter}_field") for letter in AXES}
    if "sampler" not in on_axes or "schedule" in on_axes:
        return grid.cells()
    return [_paired(cell, library) for cell in grid.cells()]


def _paired(cell: Settings, library: Library) -> Settings:
    entry = library.samplers.get(cell.sampler)
    if entry is None or cell.schedule in entry.schedules:
        return cell
    return cell.model_copy(update={"schedule": entry.schedules[0]})


def _keys(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {key_of(word): name for word, name in pairs}


def _spelled(letter: str, field: str, text: str, known: Mapping[str, str]) -> str:
    names: list[str] = []
    for word in listed(text):
        if key_of(word) not in known:
            choices = ", ".join(dict.fromkeys(known.values()))
            raise BadInput(
                f"{letter.upper()}: There is no {field} '{word[:80]}'; choose from: {choices}.",
                f"{letter}_values",
            )
        names.append(known[key_of(word)])
    return ", ".join(names)

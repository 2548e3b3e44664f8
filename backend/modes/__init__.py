"""Modes: each composes models, sampling and control into one job. None has a loop of its own.

A file adds one: it declares `MODE`.
"""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.events import Output
from backend.contracts.requests import ModeRequest, Request
from backend.modes import train_lora, xyz_grid
from backend.modes.context import Context
from backend.modes.late import late_modes
from backend.modes.mode import Mode, PictureMode


def declared(folders: Iterable[str], package: str) -> Mapping[str, PictureMode[Any]]:
    """Every mode of pictures that a file of these folders declares as `MODE`, by name.

    In the order of their settings' places; tools without one come last.

    Raises:
        ValueError: Two have one name.
    """
    names = [f"{package}.{module.name}" for module in pkgutil.iter_modules(folders)]
    made = [getattr(import_module(name), "MODE", None) for name in names]
    found: list[PictureMode[Any]] = [mode for mode in made if isinstance(mode, PictureMode)]
    by_name = {mode.name: mode for mode in sorted(found, key=_place)}
    if len(by_name) < len(found):
        raise ValueError("two modes have one name")
    return by_name


def _place(mode: PictureMode[Any]) -> float:
    return vars(mode.settings).get("place", math.inf)


PICTURES = declared(__path__, __name__)


def run_alone(request: Request, context: Context) -> Iterator[Output]:
    """Draws one batch, or cell, in the mode that its settings belong to."""
    return _named(PICTURES, request.settings.mode).alone(request, context)


_OTHERS: tuple[Mode, ...] = (xyz_grid.GridMode(run_alone), train_lora.MODE, *late_modes())
MODES: Mapping[str, Mode] = {**PICTURES, **{mode.name: mode for mode in _OTHERS}}


def run_mode(request: ModeRequest, context: Context) -> Iterator[Output]:
    """Runs the mode that the settings belong to, once for each of the request's runs."""
    return _named(MODES, request.settings.mode).run(request, context)


def _named(modes: Mapping[str, Any], name: str) -> Any:
    found = modes.get(name)
    if found is None:
        raise BadInput(f"The mode '{name}' cannot run here; choose one of: {', '.join(modes)}.")
    return found

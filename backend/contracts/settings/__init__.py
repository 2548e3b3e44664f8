"""Settings: one frozen pydantic model per mode.

This is the single schema of presets, PNG records, the API and the page's forms. A value that is
out of range or unknown is refused with its field's name, never corrected. `None` means "what the
model recommends" and is replaced by `resolved`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.settings.base import Settings
from backend.contracts.settings.clip import ClipSettings
from backend.contracts.settings.enlarging import EnlargingStage
from backend.contracts.settings.grid import XyzGridSettings, axis_fields, steps_of
from backend.contracts.settings.img2img import HiresStage, Img2ImgSettings, StyleTransferSettings
from backend.contracts.settings.kinds import (
    MAX_CELLS,
    MAX_DRAWN_SEED,
    MAX_PROMPT_CHARS,
    MAX_SEED,
    AxisName,
    AxisText,
    ControlMode,
    DetectorName,
    Easing,
    EvenSpacing,
    Fraction,
    FractionItem,
    GridMode,
    Margin,
    MaskedContent,
    MorphFormat,
    MorphMethod,
    Prompt,
    ResizeMode,
    Seed,
    Size,
    StartFrom,
    StartNoise,
    TextPath,
    seed_after,
)
from backend.contracts.settings.morph import MorphSettings
from backend.contracts.settings.parsing import parsed
from backend.contracts.settings.rows import ControlUse, LoraUse, Template
from backend.contracts.settings.txt2img import LoraMixSettings, Txt2ImgSettings
from backend.contracts.settings.upscale import UpscaleSettings

__all__ = [
    "MAX_CELLS",
    "MAX_DRAWN_SEED",
    "MAX_PROMPT_CHARS",
    "MAX_SEED",
    "MODES",
    "AxisName",
    "AxisText",
    "ClipSettings",
    "ControlMode",
    "ControlUse",
    "DetectorName",
    "Easing",
    "EnlargingStage",
    "EvenSpacing",
    "Fraction",
    "FractionItem",
    "GridMode",
    "HiresStage",
    "Img2ImgSettings",
    "LoraMixSettings",
    "LoraUse",
    "Margin",
    "MaskedContent",
    "MorphFormat",
    "MorphMethod",
    "MorphSettings",
    "Prompt",
    "ResizeMode",
    "Seed",
    "Settings",
    "Size",
    "StartFrom",
    "StartNoise",
    "StyleTransferSettings",
    "Template",
    "TextPath",
    "Txt2ImgSettings",
    "UpscaleSettings",
    "XyzGridSettings",
    "axis_fields",
    "parse",
    "seed_after",
    "steps_of",
]


def declared(folders: Iterable[str], package: str) -> dict[str, type[Settings]]:
    """Every mode that a file of these folders declares, by name, in the order of their places.

    A file adds one: a class with a `mode` and a `place` of its own.

    Raises:
        ValueError: Two have one name.
    """
    found = [
        kind
        for module in pkgutil.iter_modules(folders)
        for kind in vars(import_module(f"{package}.{module.name}")).values()
        if isinstance(kind, type)
        and issubclass(kind, Settings)
        and kind.__module__ == f"{package}.{module.name}"
        and {"mode", "place"} <= set(vars(kind))
        and kind.place
    ]
    by_name = {kind.mode: kind for kind in sorted(found, key=lambda kind: kind.place)}
    if len(by_name) < len(found):
        raise ValueError("two modes have one name")
    return by_name


MODES = declared(__path__, __name__)


def parse(mode: str, values: dict[str, Any]) -> Settings:
    """Validates `values` as the settings of `mode`.

    Raises:
        BadInput: Names the first field at fault and says what it accepts.
    """
    cls = MODES.get(mode)
    if cls is None:
        raise BadInput(f"There is no mode '{mode}'; choose one of: {', '.join(MODES)}.", "mode")
    return parsed(cls, values)

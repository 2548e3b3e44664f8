"""The configs of a checkpoint's parts, wherever it keeps them.

A diffusers folder has them as files; for a single file they are read off its weights.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from backend.models.catalog.catalog import ModelInfo
from backend.models.catalog.layout import read_json
from backend.models.catalog.original import inspect_original


def part_config(info: ModelInfo, part: str) -> dict[str, Any]:
    """The config of `unet`, `vae`, `text_encoder` or `scheduler` of a checkpoint.

    Raises:
        ModelProblem: It is missing or damaged.
    """
    if info.path.is_file():
        return inspect_original(info.path, info.card).config(part)
    if part != "scheduler":
        return read_config(info.path / part / "config.json")
    config = read_config(info.path / part / "scheduler_config.json")
    if info.card.prediction_type is not None:
        config["prediction_type"] = info.card.prediction_type
    if info.card.zero_terminal_snr is not None:
        config["rescale_betas_zero_snr"] = info.card.zero_terminal_snr
    return config


def text_widths(info: ModelInfo) -> tuple[int, ...]:
    """D of each text encoder of a checkpoint.

    Raises:
        ModelProblem: A config is missing or damaged.
    """
    if info.path.is_file():
        original = inspect_original(info.path, info.card)
        configs = [original.text_encoder, original.text_encoder_2]
    else:
        parts = ("text_encoder", "text_encoder_2")
        configs = [part_config(info, p) for p in parts if (info.path / p).is_dir()]
    return tuple(int(config.get("hidden_size", 0)) for config in configs if config)


def read_config(path: Path) -> dict[str, Any]:
    """Reads a JSON object of a model folder, again only when the file has changed.

    Raises:
        ModelProblem: It is missing, unreadable or not an object.
    """
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError:
        return read_json(path)  # says which file is missing
    return dict(_read(path, changed_ns))


@lru_cache(maxsize=256)
def _read(path: Path, changed_ns: int) -> dict[str, Any]:
    return read_json(path)

"""The configs of a Stable Diffusion checkpoint's parts, wherever it keeps them.

A diffusers folder has them as files; for a single file they are read off its weights.
"""

from __future__ import annotations

from typing import Any

from backend.families.single_file import inspect_original
from backend.models.catalog.configs import read_config
from backend.models.catalog.entry import ModelInfo


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

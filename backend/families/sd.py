"""Stable Diffusion 1.x and 2.x (Rombach et al. 2022, 2112.10752), and their inpainting models."""

from __future__ import annotations

from pathlib import Path

from backend.families.diffusers_folder import CLASSES, FolderKind
from backend.families.stable_diffusion import OTHER, SD1, SD2, StableDiffusionFamily


def _any_file(path: Path) -> bool:
    """It is asked last: what lacks its parts is told which."""
    return True


SD = StableDiffusionFamily(
    name="sd",
    folder=FolderKind(
        frozenset({"StableDiffusionPipeline", "StableDiffusionInpaintPipeline"}), CLASSES
    ),
    owns_file=_any_file,
    text_parts=("text_encoder",),
    kindred={"sd_v1": SD1, "sd_v2": SD2},
    others=OTHER,
)

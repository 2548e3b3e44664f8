"""SDXL (Podell et al. 2023, 2307.01952) and its inpainting models."""

from __future__ import annotations

from pathlib import Path

from backend.families.diffusers_folder import CLASSES, FolderKind
from backend.families.single_file_keys import shapes_of
from backend.families.stable_diffusion import XL, StableDiffusionFamily

EMBEDDERS = "conditioner.embedders."  # what its files call their text encoders, the refiner's too


def _owns_file(path: Path) -> bool:
    return any(name.startswith(EMBEDDERS) for name in shapes_of(path))


SDXL = StableDiffusionFamily(
    name="sdxl",
    folder=FolderKind(
        frozenset({"StableDiffusionXLPipeline", "StableDiffusionXLInpaintPipeline"}),
        {
            **CLASSES,
            "text_encoder_2": frozenset({"CLIPTextModelWithProjection"}),
            "tokenizer_2": CLASSES["tokenizer"],
        },
    ),
    owns_file=_owns_file,
    text_parts=("text_encoder", "text_encoder_2"),
    kindred={"sdxl": XL},
)

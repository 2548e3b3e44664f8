"""`python -m toyworld.train --styles`: the built-in model's style LoRAs, by our own trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import cv2
import numpy as np
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.memory.devices import pick
from backend.training.config import TrainingConfig
from backend.training.data import Picture
from backend.training.lora import fit, prepare
from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.folder import world_of
from toyworld.render import render
from toyworld.styles import PLAIN, STYLES, styled
from toyworld.swift import hasten
from toyworld.world import FIRST, World

SEED = 31  # of scenes in no other pool
MAX_BYTES = 1_500_000


@dataclass(frozen=True)
class StyleRecipe:
    """How a style is fitted; the defaults are for two CPU cores.

    Pocket attends below its finest level only, and a style is texture: with the convolutions, 60
    steps come nearer to neon (error of v on unseen pictures 0.27) than with attention alone (0.33).

    Attributes:
        least_weight: See `TrainingConfig`.
        strength: Share of what was fitted that the file holds, for weight 1 to be right: the
            fit spans weights from `least_weight`, and its lower ones keep more of the subject.
    """

    pictures: int = 800
    steps: int = 1000
    batch: int = 4
    rank: int = 8
    learning_rate: float = 2e-3
    size_px: int = 256
    least_weight: float = 0.5
    strength: float = 1.0


RECIPES: Mapping[str, StyleRecipe] = MappingProxyType(
    {
        "pixel art": StyleRecipe(strength=0.8),
        "ink sketch": StyleRecipe(least_weight=0.25, strength=0.45),
        "watercolour": StyleRecipe(strength=0.85),
        "neon": StyleRecipe(steps=1300, least_weight=0.4, strength=0.55),
    }
)


def lora_path(folder: Path, style: str) -> Path:
    """Where a style's LoRA is kept."""
    return folder / f"pocket-{style.replace(' ', '-')}.safetensors"


def style_pictures(
    style: str, count: int, size_px: int = 256, world: World = FIRST
) -> list[Picture]:
    """Filtered renders, with captions that name the style; every eighth has none, half plain.

    So an empty prompt stands between the renderer's own manner and the style, and guidance, which
    goes from there to the prompt, leads to the style as it leads to the subject (like prior
    preservation in DreamBooth, Ruiz et al. 2023). With the style on both sides of guidance, it
    came into half of the pictures.
    """
    pictures: list[Picture] = []
    for i in range(count):
        scene, turn = scene_of(SEED, i, world=world), i % 16
        text = caption(scene, np.random.default_rng((SEED, i, 1)))
        pictures.append(Picture(
            f"{style} {i}", styled(render(scene, size_px, world), PLAIN if turn == 0 else style, i),
            "" if turn < 2 else f"{text}, {style}",
        ))  # fmt: skip
    return pictures


def fit_style(
    model: Checkpoint,
    style: str,
    folder: Path,
    recipe: StyleRecipe,
    report: Callable[[str], None],
    world: World = FIRST,
) -> Path:
    """Fit one style and write its file; a fit that was cut off is gone on with.

    Raises:
        RuntimeError: The file is larger than 1.5 MB.
    """
    pictures = style_pictures(style, recipe.pictures, recipe.size_px, world)
    path = lora_path(folder, style)
    config = TrainingConfig.model_validate(
        {
            "output": path,
            "rank": recipe.rank,
            "learning_rate": recipe.learning_rate,
            "steps": recipe.steps,
            "batch_size": recipe.batch,
            "resolution": recipe.size_px,
            "least_weight": recipe.least_weight,
            "convolutions": True,
            "lr_schedule": "cosine",
            "noise_offset": 0.05,
            "checkpoint_every": 100,
            "trigger_words": (style,),
            "file_dtype": "float16",
        }
    )
    examples = prepare(model, pictures, recipe.size_px, lambda: None)
    losses: list[float] = []
    for step in fit(config, model, examples, lambda: None, resume=True):
        losses.append(step.loss)
        if step.step % 20 == 0:
            report(f"{style} step {step.step}/{step.total} loss {np.mean(losses[-20:]):.4f}")
    weaken(path, recipe.strength)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RuntimeError(f"{path.name} takes {size / 1e6:.1f} MB; 1.5 MB is the limit.")
    report(f"wrote {path.name}, {size / 1e3:.0f} kB")
    return path


def weaken(path: Path, strength: float) -> None:
    """Multiplies what a LoRA file adds to the model."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    for name, tensor in tensors.items():
        if name.endswith(".lora_B.weight"):
            tensors[name] = (tensor.float() * strength).to(tensor.dtype)
    save_file(tensors, path, metadata | {"strength": f"{strength:g}"})


def style_stage(
    base: Path, folder: Path, device: str, report: Callable[[str], None],
    recipe: StyleRecipe | None = None, styles: Sequence[str] = (), dtype: str | None = None,
) -> None:  # fmt: skip
    """Fit all styles.

    Args:
        base: Folder of the base model, in a folder named `checkpoints`.
        folder: Where the LoRAs go, e.g. models/loras.
        device: Where to compute.
        report: Takes lines of progress.
        recipe: How; none means the recipe of each.
        styles: Which; none means all. One whose file is newer than the base is not fitted again.
        dtype: Precision of the passes; None for the device's own.
    """
    cv2.setNumThreads(1)
    folder.mkdir(parents=True, exist_ok=True)
    info = Catalog((base.parent.parent,), FAMILIES).checkpoint(base.name)
    model = FAMILIES.load(info, pick(device, dtype))
    if device == "cpu":
        hasten(cast("Any", model.network.model))
    written = (base / "card.json").stat().st_mtime
    for style in styles or STYLES:
        path = lora_path(folder, style)
        if path.exists() and path.stat().st_mtime > written:
            continue
        fit_style(model, style, folder, recipe or RECIPES[style], report, world_of(base))


def write_previews(folder: Path, made: dict[str, np.ndarray]) -> None:
    """Write a LoRA's picture beside it: `pocket-neon.png` beside `pocket-neon.safetensors`.

    Args:
        folder: Of the LoRAs.
        made: Style -> (H, W, 3) picture drawn with it.
    """
    for style, picture in made.items():
        cv2.imwrite(str(lora_path(folder, style).with_suffix(".png")), picture[:, :, ::-1])

"""`python -m toyworld.train --styles`: the built-in model's style LoRAs, by our own trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from backend.models.catalog import Catalog
from backend.models.devices import pick
from backend.models.loading import Checkpoint, load_checkpoint
from backend.training.config import TrainingConfig
from backend.training.data import Picture
from backend.training.lora import fit, prepare
from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.render import render
from toyworld.styles import STYLES, styled

SEED = 31  # of scenes in no other pool
MAX_BYTES = 1_500_000


@dataclass(frozen=True)
class StyleRecipe:
    """How a style is fitted; the defaults are for two CPU cores.

    Pocket attends at 16x16 and 8x8 only, and a style is texture: with the convolutions, 60 steps
    come nearer to neon (error of v on unseen pictures 0.27) than with attention alone (0.33).
    """

    pictures: int = 240
    steps: int = 900
    batch: int = 4
    rank: int = 8
    learning_rate: float = 3e-3
    size_px: int = 256


def lora_path(folder: Path, style: str) -> Path:
    """Where a style's LoRA is kept."""
    return folder / f"pocket-{style.replace(' ', '-')}.safetensors"


def style_pictures(style: str, count: int, size_px: int = 256) -> list[Picture]:
    """Filtered renders with captions.

    Every other caption names the style, so that it acts with its trigger words and without; every
    tenth is empty, so that guidance finds the style on both of its sides.
    """
    pictures: list[Picture] = []
    for i in range(count):
        rng = np.random.default_rng((SEED, i, 1))
        scene = scene_of(SEED, i)
        text = caption(scene, rng)
        pictures.append(Picture(
            f"{style} {i}", styled(render(scene, size_px), style, i),
            ("" if i % 10 == 0 else f"{text}, {style}" if i % 2 else text),
        ))  # fmt: skip
    return pictures


def fit_style(
    model: Checkpoint, style: str, folder: Path, recipe: StyleRecipe, report: Callable[[str], None]
) -> Path:
    """Fit one style and write its file; a fit that was cut off is gone on with.

    Raises:
        RuntimeError: The file is larger than 1.5 MB.
    """
    pictures = style_pictures(style, recipe.pictures, recipe.size_px)
    path = lora_path(folder, style)
    config = TrainingConfig.model_validate({
        "output": path, "rank": recipe.rank, "learning_rate": recipe.learning_rate,
        "steps": recipe.steps, "batch_size": recipe.batch, "resolution": recipe.size_px,
        "convolutions": True, "lr_schedule": "cosine", "noise_offset": 0.05,
        "checkpoint_every": 100, "trigger_words": (style,), "file_dtype": "float16",
    })
    examples = prepare(model, pictures, recipe.size_px, lambda: None)
    losses: list[float] = []
    for step in fit(config, model, examples, lambda: None, resume=True):
        losses.append(step.loss)
        if step.step % 20 == 0:
            report(f"{style} step {step.step}/{step.total} loss {np.mean(losses[-20:]):.4f}")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RuntimeError(f"{path.name} takes {size / 1e6:.1f} MB; 1.5 MB is the limit.")
    report(f"wrote {path.name}, {size / 1e3:.0f} kB")
    return path


def style_stage(
    base: Path, folder: Path, device: str, report: Callable[[str], None],
    recipe: StyleRecipe | None = None, styles: Sequence[str] = (),
) -> None:  # fmt: skip
    """Fit all styles.

    Args:
        base: Folder of the base model, in a folder named `checkpoints`.
        folder: Where the LoRAs go, e.g. models/loras.
        device: Where to compute.
        report: Takes lines of progress.
        recipe: How; none means the defaults.
        styles: Which; none means all.
    """
    cv2.setNumThreads(1)
    folder.mkdir(parents=True, exist_ok=True)
    info = Catalog((base.parent.parent,)).checkpoint(base.name)
    model = load_checkpoint(info, pick(device))
    for style in styles or STYLES:
        fit_style(model, style, folder, recipe or StyleRecipe(), report)


def write_previews(folder: Path, made: dict[str, np.ndarray]) -> None:
    """Write a LoRA's picture beside it: `pocket-neon.png` beside `pocket-neon.safetensors`.

    Args:
        folder: Of the LoRAs.
        made: Style -> (H, W, 3) picture drawn with it.
    """
    for style, picture in made.items():
        cv2.imwrite(str(lora_path(folder, style).with_suffix(".png")), picture[:, :, ::-1])


"""A model driven without an engine: settings in, pictures out, for comparisons with diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from backend.contracts.settings import Txt2ImgSettings
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.memory.devices import pick
from backend.modes import enlarging
from backend.modes.guide import make_denoiser
from backend.modes.run import Run, Sampled, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Span, fresh, make_noise
from backend.modes.watching import Unseen

Picture = NDArray[np.uint8]


class Surroundings:
    """Nobody stops the run."""

    def check(self) -> None:
        return None


def loaded(root: Path, name: str) -> Checkpoint:
    """The checkpoint of that name below `root`, in float32 on the CPU."""
    return FAMILIES.load(Catalog([root], FAMILIES).checkpoint(name), pick("cpu", "float32"))


def staged(model: Checkpoint, **values: Any) -> Stage[Txt2ImgSettings]:
    """A stage of the model's own schedule; by default of 6 DDIM steps from seed 5."""
    width, height = model.native_size
    standard: dict[str, Any] = {
        "sampler": "ddim",
        "schedule": "model",
        "steps": 6,
        "seed": 5,
        "width": width,
        "height": height,
        "guidance_scale": 1.0,
        "variation_seed": 0,
    }
    settings = Txt2ImgSettings.model_validate(standard | values)
    return stage_of(settings, model, Surroundings())  # type: ignore[arg-type]


@torch.no_grad()
def drawn(stage: Stage[Txt2ImgSettings], labels: torch.Tensor | None = None) -> Picture:
    """From noise, (B, H, W, 3)."""
    settings = stage.settings
    noise = make_noise(settings, stage.model)
    origin = fresh(stage, noise)
    denoiser = make_denoiser(stage, Span(stage.schedule), labels=labels)
    walk = Sampled.of(settings, denoiser, origin, noise)
    return stage.model.codec.decode(drive(Run(lambda: walk, Unseen())))


@torch.no_grad()
def enlarged(
    stage: Stage[Txt2ImgSettings], small: Picture, noise_level: int | None = None
) -> Picture:
    """(H, W, 3), or one for each sample -> (B, factor H, factor W, 3)."""
    begun = enlarging.begin(stage, small, noise_level)
    denoiser = make_denoiser(
        stage, begun.origin.span, channels=begun.beside.channels, labels=begun.beside.labels
    )
    walk = Sampled.of(stage.settings, denoiser, begun.origin, begun.noise)
    return stage.model.codec.decode(drive(Run(lambda: walk, Unseen())))


def close(ours: Picture, theirs: NDArray[np.floating[Any]] | Picture) -> float:
    """The share of values that lie within 2/255; theirs in [0, 1] or uint8."""
    other = theirs if theirs.dtype == np.uint8 else (theirs * 255).round()
    assert ours.shape == other.shape
    assert ours.std() > 5  # a plain grey agrees with anything
    return float(np.mean(np.abs(ours.astype(int) - other.astype(int)) <= 2))

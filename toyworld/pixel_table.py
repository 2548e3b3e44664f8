"""The DDIM experiment on `pocket-pixels`: Frechet distance by steps and by what a step adds.

The same walk as in the studio, without clipping, from the same seeds in every cell. A cell that is
done is kept, so that a long table goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from backend.contracts.settings.ddim_table import PUBLISHED, WAYS, Way
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.memory.devices import pick
from backend.modes.run import Run, Sampled, Walk, drive
from backend.modes.start import Origin
from backend.modes.watching import Unseen
from backend.sampling import schedule as schedules
from backend.sampling.config import SchedulerConfig
from backend.sampling.noise import SeededNoise
from toyworld.distances import frechet_on_axes, principal_axes
from toyworld.model_card import write_figures
from toyworld.pause import wait_while_paused
from toyworld.things import drawn

STEPS = (10, 20, 50, 100)
REAL_SEED, OTHER_SEED = 41, 42
BATCH = 50
Pictures = NDArray[np.uint8]
Look = Callable[[Pictures], NDArray[np.float64]]
"""Pictures (N, H, W, 3) -> features (N, D)."""


def independent_look() -> Look:
    """Features of an ImageNet network that has never seen this world."""
    from toyworld.eyes import look, open_eyes  # its weights are a package of their own

    eyes = open_eyes()
    return lambda pictures: look(eyes, pictures).double().numpy()


def samples(
    model: Checkpoint, way: Way, steps: int, labels: NDArray[np.int64], work: Path | None = None
) -> Pictures:
    """(N, H, W, 3), one of each label; picture i has seed i."""
    config = SchedulerConfig.from_dict(model.scheduler_config)
    schedule = schedules.make("ddim", "trailing", steps, config)  # without bounds: no clipping
    width, height = model.native_size
    made: list[Pictures] = []
    for start in range(0, len(labels), BATCH):
        if work is not None:
            wait_while_paused(work)
        some = torch.from_numpy(labels[start : start + BATCH])
        seeds = list(range(start, start + len(some)))
        noise = SeededNoise(seeds, (model.latent_channels, height, width))
        denoiser = model.network.denoiser([model.text.encode([""])], labels=some)
        origin = Origin(schedule, noise.draw() * schedule.init_scale)
        walk: Walk = Sampled("ddim", denoiser, origin, noise, way.eta, way.variance)
        made.append(model.codec.decode(drive(Run(partial(_given, walk), Unseen()))))
    return np.concatenate(made)


def _given(walk: Walk) -> Walk:
    return walk


def write_table(
    folder: Path,
    work: Path,
    count: int,
    columns: Sequence[int] = STEPS,
    look: Look | None = None,
) -> str:
    """Measures every cell that is not known yet and writes the table into the model's card.

    Args:
        folder: Of the model.
        work: Keeps the cells in `table.json`, by the model's hash and the number of samples.
        count: Samples of each cell, and of each set of drawn pictures.
        columns: Numbers of steps.
        look: Features of pictures; None takes the independent eyes.

    Returns:
        The table, in Markdown.
    """
    catalog = Catalog([folder.parent.parent], FAMILIES)
    model = FAMILIES.load(catalog.checkpoint(folder.name), pick("cpu", "float32"))
    look = look or independent_look()
    real, other = drawn(REAL_SEED, count), drawn(OTHER_SEED, count)
    seen = look(real.pixels)
    axes = principal_axes(seen, min(128, seen.shape[1]))
    kept_at = work / "table.json"
    kept = json.loads(kept_at.read_text()) if kept_at.exists() else {}
    cells: dict[str, float] = kept.setdefault(f"{model.hash} {count}", {})
    for way in WAYS:
        for steps in columns:
            key = f"{way.label}, {steps}"
            if key not in cells:
                made = look(samples(model, way, steps, real.labels, work))
                cells[key] = frechet_on_axes(made, seen, axes)
                work.mkdir(parents=True, exist_ok=True)
                kept_at.write_text(json.dumps(kept, indent=1))
    text = _table(cells, columns, count, frechet_on_axes(look(other.pixels), seen, axes))
    write_figures(folder, text)
    return text


def _table(cells: dict[str, float], columns: Sequence[int], count: int, floor: float) -> str:
    head = "| | " + " | ".join(f"{steps} steps" for steps in columns) + " |"
    lines = [head, "| --- |" + " --- |" * len(columns)]
    for row, way in enumerate(WAYS):
        shown: list[str] = []
        for steps in columns:
            fid = PUBLISHED.get(steps, (None,) * len(WAYS))[row]
            told = "" if fid is None else f" (published: {fid:.2f})"
            shown.append(f"{cells[f'{way.label}, {steps}']:.2f}{told}")
        lines.append(f"| {way.label} | " + " | ".join(shown) + " |")
    note = f"{count} samples of each; two sets of drawn pictures lie {floor:.2f} apart."
    return "\n".join(lines) + f"\n\n{note}\n"

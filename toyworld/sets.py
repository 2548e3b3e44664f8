"""A set of weights from a long run that goes on: all that the repository ships of Pocket.

A set lives in a folder of its own inside the work folder, with copies of what the run has learned,
so the run neither waits for it nor changes by it. `finish` lets the rate fall over a few more
examples and writes the model; `controlnet` and `styles` are trained on that model, whatever it is
at that moment, and go on from where they stopped. `models/` in the set's folder is laid out as the
repository's own is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from toyworld.checkpoint import load_state
from toyworld.controlnet import control_stage
from toyworld.dataset import Pool, render_pool
from toyworld.folder import world_of
from toyworld.pause import wait_while_paused
from toyworld.plan import Plan
from toyworld.style_loras import style_stage

AVERAGE = 0.995
"""Of a finish: some 200 of its last steps, whose rate is low; the long run's would reach back to
before it."""
CONTROL_SEED = 1


@dataclass(frozen=True)
class WeightSet:
    """Where a set lies."""

    folder: Path

    @property
    def model(self) -> Path:
        """Of the base; its parent has the name that the studio's catalog looks for."""
        return self.folder / "models" / "checkpoints" / "pocket"

    @property
    def controlnet(self) -> Path:
        """Of the ControlNet for edges."""
        return self.folder / "models" / "controlnet" / "pocket-canny"

    @property
    def loras(self) -> Path:
        """Of the styles."""
        return self.folder / "models" / "loras"


def begin(run: Path, weights: WeightSet) -> None:
    """Copy what a finish goes on from, unless that has been done.

    Args:
        run: Work folder of the long run.
        weights: The set.

    Raises:
        FileNotFoundError: The long run has no state yet.
    """
    if (weights.folder / "pictures" / "painter.pt").exists():
        return
    for name in ("vae", "vae-sharp"):
        if (run / name).exists():
            shutil.copytree(run / name, weights.folder / name, dirs_exist_ok=True)
    for stock in run.glob("stock-*"):
        shutil.copytree(stock, weights.folder / stock.name, dirs_exist_ok=True)
    shutil.copy(run / "plan.json", weights.folder / "plan.json")
    (weights.folder / "pictures").mkdir(exist_ok=True)
    aside = weights.folder / "pictures" / "painter.part"
    shutil.copy(run / "pictures" / "painter.pt", aside)
    aside.rename(aside.with_suffix(".pt"))


def finishing(plan: Plan, weights: WeightSet, examples: int) -> Plan:
    """A plan that ends after so many more examples, the rate falling over all of them.

    Args:
        plan: Of the long run.
        weights: A set that has begun; keeps where it began.
        examples: How many more than it had then.
    """
    note = weights.folder / "finish.json"
    if not note.exists():
        state = load_state(weights.folder / "pictures" / "painter.pt")
        if state is None:
            raise FileNotFoundError(f"{weights.folder} holds no run to finish.")
        note.write_text(json.dumps({"from": int(state["step"]) * plan.batch}) + "\n")
    total = json.loads(note.read_text())["from"] + examples
    return replace(
        plan, examples=total, decay_share=examples / total, average=AVERAGE, auxiliary=0.0
    )


def controlnet_stage(
    weights: WeightSet, steps: int, scenes: int, batch: int, report: Callable[[str], None],
    start: Path | None = None,
) -> None:  # fmt: skip
    """Train the set's ControlNet for so many steps in all, earlier runs included.

    Args:
        weights: The set, whose model is written.
        steps: Budget.
        scenes: How many it learns from.
        batch: Scenes a step.
        report: Takes lines of progress.
        start: Folder of a ControlNet to go on from where the set has no state of one yet.
    """
    work = weights.folder / "controlnet-work"

    def pool() -> Pool:
        world = world_of(weights.model)
        return render_pool(work, CONTROL_SEED, scenes, 256, workers=1, world=world)

    control_stage(
        weights.model, weights.controlnet, work, pool, pool, minutes=0.0, large_share=1.0,
        seed=CONTROL_SEED, device="cpu", report=report, batches=(batch, batch), steps=steps,
        start=start, between=partial(wait_while_paused, weights.folder.parent),
    )  # fmt: skip


styles_stage = partial(style_stage, device="cpu")

"""`python -m toyworld.score --controlnet`: does Pocket follow edges that it has never seen?

Renders of fresh scenes give the edges, the scenes' prompts the words; the edges of what is made
are held against those asked for and, as the yardstick of chance, against those of another scene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel
from numpy.typing import NDArray
from torch import Tensor

from backend.control.canny import Canny
from backend.control.obedience import Obedience, measure, overlay
from toyworld.controlnet import THRESHOLDS
from toyworld.judge import Judge, judge_pictures, mark
from toyworld.prompts import questions
from toyworld.report import Row, fresh_renders, table, write_sheet
from toyworld.sampling import Parts, generate
from toyworld.world import World

SCENE_SEED = 4  # of no pool that anything is trained on
SCALES = (0.0, 0.5, 1.0)
F1_BAR, F1_CPU_BAR, COLOUR_BAR = 0.75, 0.60, 0.85


class ControlledUnet:
    """Stands in for the UNet of `Parts` and adds what a ControlNet says.

    Args:
        unet: The base.
        controlnet: Of the same device and precision.
        edges: (B, 3, H, W) in 0..1; a guided batch holds them twice.
        scale: Conditioning scale.
    """

    def __init__(self, unet: Any, controlnet: ControlNetModel, edges: Tensor, scale: float) -> None:
        self._unet, self._controlnet, self._scale = unet, controlnet, scale
        self._edges = edges.to(unet.device, unet.dtype)
        self.device, self.dtype = unet.device, unet.dtype

    def __call__(self, x: Tensor, t: Tensor, encoder_hidden_states: Tensor) -> Any:
        """The base's output, as the base gives it."""
        edges = self._edges.repeat(len(x) // len(self._edges), 1, 1, 1)
        down, mid = self._controlnet(
            x, t, encoder_hidden_states=encoder_hidden_states, controlnet_cond=edges,
            conditioning_scale=self._scale, return_dict=False,
        )  # fmt: skip
        return self._unet(
            x, t, encoder_hidden_states=encoder_hidden_states,
            down_block_additional_residuals=down, mid_block_additional_residual=mid,
        )  # fmt: skip


def draw(
    parts: Parts, controlnet: ControlNetModel, prompts: list[str], controls: NDArray[np.uint8],
    scale: float, guidance: float, batch: int, steps: int = 20,
) -> NDArray[np.uint8]:  # fmt: skip
    """Pictures on edges at the product's default sampler, (B, H, W, 3) uint8.

    Args:
        controls: (B, H, W, 3) uint8 edges, square.
    """
    made: list[NDArray[np.uint8]] = []
    for start in range(0, len(prompts), batch):
        some = controls[start : start + batch]
        edges = torch.from_numpy(some).permute(0, 3, 1, 2).float() / 255.0
        unet: Any = ControlledUnet(parts.unet, controlnet, edges, scale)
        made.append(generate(
            replace(parts, unet=unet), prompts[start : start + batch], guidance,
            controls.shape[1], steps, seed=start, batch=batch,
        ))  # fmt: skip
    return np.concatenate(made)


@dataclass(frozen=True)
class Followed:
    """Means over the pictures of one scale; shares of 0..1."""

    recall: float
    precision: float
    f1: float
    shuffled_f1: float
    colour: float | None
    """Share in the prompt's colour; None where no judge looked."""


def followed(controls: NDArray[np.uint8], made: NDArray[np.uint8]) -> tuple[float, ...]:
    """Mean recall, precision and F1 of pictures against their controls, in order."""
    found = [_measured(control, picture) for control, picture in zip(controls, made, strict=True)]
    return tuple(float(np.mean([getattr(f, key) for f in found]))
                 for key in ("recall", "precision", "f1"))  # fmt: skip


def _measured(control: NDArray[np.uint8], picture: NDArray[np.uint8]) -> Obedience:
    return measure(control, picture, Canny(*THRESHOLDS))


def rows_of(by_scale: dict[float, Followed]) -> list[Row]:
    """The table's lines; every bar is named in its own line."""
    off, half, whole = (by_scale[scale] for scale in SCALES)
    rising = off.f1 < half.f1 < whole.f1
    rows = [
        Row("edges, scale 1: F1 of recall and precision", f"{whole.f1:.3f}", f"{F1_BAR}",
            f"{F1_CPU_BAR}"),
        Row("edges, scale 1: recall / precision", f"{whole.recall:.3f} / {whole.precision:.3f}",
            "", ""),
        Row("edges, scale 1: F1 against shuffled edges", f"{whole.shuffled_f1:.3f}",
            "at most half", "at most half"),
        Row("edges, scale 0: F1, and against shuffled edges",
            f"{off.f1:.3f} / {off.shuffled_f1:.3f}", "no better", "no better"),
        Row("edges, scale 0 / 0.5 / 1: F1", " / ".join(f"{f.f1:.3f}" for f in (off, half, whole)),
            "rising", "rising" + ("" if rising else " (it is not)")),
    ]  # fmt: skip
    if whole.colour is not None:
        bar = f"{100 * COLOUR_BAR:.0f} %"
        rows.append(Row("colour of the prompt, scale 1", f"{100 * whole.colour:.1f} %", bar, bar))
    return rows


def score_controlnet(
    parts: Parts, judge: Judge | None, folder: Path, guidance: float, count: int, size_px: int,
    batch: int, work: Path, report: Callable[[str], None], world: World,
) -> str:  # fmt: skip
    """Draw on unseen edges at three scales, measure, print and keep the table.

    Without a judge it says nothing of colours.
    """
    controlnet = ControlNetModel.from_pretrained(folder, use_safetensors=True)
    controlnet = controlnet.to(parts.unet.device, parts.unet.dtype).eval()
    asked = questions(count)
    renders = fresh_renders(asked, SCENE_SEED, size_px, world)
    controls = np.stack([Canny(*THRESHOLDS)(r) for r in renders])
    shuffled = np.roll(controls, 7, axis=0)
    by_scale: dict[float, Followed] = {}
    for scale in SCALES:
        made = draw(parts, controlnet, [q.prompt for q in asked], controls, scale, guidance, batch)
        colour = None
        if judge is not None:
            marks = mark(judge_pictures(judge, made), [q.scene for q in asked])
            colour = float(marks.colour.mean())
        recall, precision, f1 = followed(controls, made)
        by_scale[scale] = Followed(recall, precision, f1, followed(shuffled, made)[2], colour)
        report(f"scale {scale:g}: {by_scale[scale]}")
    views = [overlay(_measured(c, m), m) for c, m in zip(controls[:20], made[:20], strict=True)]
    write_sheet(work / "score-controlnet.png", np.concatenate([made[:20], np.stack(views)]))
    note = (f"{len(asked)} pictures a scale, {size_px}x{size_px}, Canny {THRESHOLDS[0]} / "
            f"{THRESHOLDS[1]}, tolerance 2 px, DPM++ 2M karras, 20 steps, guidance {guidance:g}, "
            f"{parts.unet.dtype} on {parts.unet.device}.")  # fmt: skip
    text = table(rows_of(by_scale), note)
    report(text)
    (work / "score-controlnet.md").write_text(text)
    return text

"""The DDIM experiment: Frechet distance against steps and kind of noise (2010.02502, table 1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.frechet import frechet_distance
from toyworld.judge import Judge, judge_pictures
from toyworld.render import render
from toyworld.sampling import Ddim, Parts, decode, sample_latents

STEPS = (10, 20, 50, 100)
KINDS = (("eta 0 (DDIM)", 0.0, False), ("eta 1 (DDPM)", 1.0, False), ("sigma hat", 1.0, True))
PROMPT_SEED, REAL_SEED, OTHER_SEED = 21, 22, 23


def _features(judge: Judge, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    return judge_pictures(judge, pictures).features.numpy()


def sampler_table(
    parts: Parts, judge: Judge, count: int, size_px: int, batch: int, report: Callable[[str], None]
) -> str:
    """Sample captions of fresh scenes at guidance 1 with each kind and number of steps.

    Returns:
        A Markdown table; below it the distance of two sets of renders, the floor.
    """
    rng = np.random.default_rng(PROMPT_SEED)
    prompts = [caption(scene_of(PROMPT_SEED, i), rng) for i in range(count)]

    def renders(seed: int) -> NDArray[np.uint8]:
        return np.stack([render(scene_of(seed, i), 128) for i in range(count)])

    real = _features(judge, renders(REAL_SEED))
    floor = frechet_distance(_features(judge, renders(OTHER_SEED)), real)
    lines = [
        "| | " + " | ".join(f"{n} steps" for n in STEPS) + " |",
        "| --- |" + " --- |" * len(STEPS),
    ]
    for name, eta, sigma_hat in KINDS:
        cells: list[str] = []
        for steps in STEPS:
            made: list[NDArray[np.uint8]] = []
            for start in range(0, count, batch):
                rule = Ddim(steps, eta, sigma_hat)
                some = prompts[start : start + batch]
                made.append(
                    decode(parts, sample_latents(parts, some, rule, 1.0, size_px // 8, start))
                )
            far = frechet_distance(_features(judge, np.concatenate(made)), real)
            report(f"{name}, {steps} steps: {far:.2f}")
            cells.append(f"{far:.2f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    note = (
        f"{count} samples of each, {size_px}x{size_px}, guidance 1; render to render {floor:.2f}."
    )
    return "\n".join(lines) + f"\n\n{note}\n"

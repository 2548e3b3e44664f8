"""The priors of `pocket-codes`: both learn the codes of drawn scenes from their captions.

Cross-entropy of each cell given those before it. Pocket's text encoder reads, frozen; scenes are
mirrored half of the time, with left and right exchanged in the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from backend.models.codes.priors import PRIORS, Prior
from backend.sampling.raster import Choice, raster
from toyworld.captions import caption
from toyworld.cascade import Reader
from toyworld.codes_vq import CELLS, CODES
from toyworld.dataset import Pool
from toyworld.fitting import Fitting
from toyworld.precision import swift_precision
from toyworld.scene import mirrored

POSITIONS = 32
"""Of a caption's embedding that are read; the longest has some 25 tokens."""


@dataclass(frozen=True)
class PriorRecipe:
    """What decides a run.

    Attributes:
        name: A key of `PRIORS`.
        batch: Pictures a step.
        rate: Learning rate after warm-up.
        seed: Of weights, order and captions.
        untold: Share of the pictures that are learned without their caption, so that a prior
            knows what may come where nothing is asked for.
        sizes: Arguments of the network that are not its own defaults.
    """

    name: str = "transformer"
    batch: int = 16
    rate: float = 1.5e-3
    seed: int = 0
    untold: float = 0.1
    sizes: tuple[tuple[str, int], ...] = ()


def new_prior(recipe: PriorRecipe, width: int) -> Prior:
    """An untrained one that reads embeddings of that width."""
    torch.manual_seed(recipe.seed)
    told = {"context_width": width, "context_positions": POSITIONS}
    return PRIORS[recipe.name](**{"codes": CODES, "side": CELLS, **told, **dict(recipe.sizes)})


@dataclass(frozen=True)
class Coded:
    """A pool as codes.

    Attributes:
        pool: Says what each shows.
        codes: (N, h, w) int16, as drawn.
        turned: The same of the pictures mirrored.
    """

    pool: Pool
    codes: NDArray[np.int16]
    turned: NDArray[np.int16]


class PriorTrainer(Fitting[Prior]):
    """A run; its state in `work` brings the optimiser back.

    Args:
        recipe: What decides it.
        work: Folder of its state.
        coded: What it learns.
        model: Pocket's folder, whose text encoder reads.
    """

    def __init__(self, recipe: PriorRecipe, work: Path, coded: Coded, model: Path) -> None:
        self.reader = Reader(model)
        width = int(self.reader.embed([""]).shape[-1])
        super().__init__(new_prior(recipe, width), work, recipe.rate)
        self.recipe, self.coded = recipe, coded

    def examples(self) -> tuple[Tensor, list[str]]:
        """(B, h, w) codes and captions of the step to come."""
        rng = np.random.default_rng((self.recipe.seed, self.step))
        codes, texts = [], []
        for place in rng.integers(len(self.coded.codes), size=self.recipe.batch):
            scene, turned = self.coded.pool.scene(int(place)), bool(rng.random() < 0.5)
            codes.append((self.coded.turned if turned else self.coded.codes)[place])
            text = caption(mirrored(scene) if turned else scene, rng)
            texts.append("" if rng.random() < self.recipe.untold else text)
        return torch.from_numpy(np.stack(codes).astype(np.int64)), texts

    def loss(self) -> Tensor:
        """Mean cross-entropy of the cells of this step, nats."""
        codes, texts = self.examples()
        context = self.reader.embed(texts, POSITIONS)
        with swift_precision():
            odds = self.net(codes, context)
        return functional.cross_entropy(odds.float().flatten(0, 2), codes.flatten())


def sampled(
    prior: Prior, context: Tensor, seeds: list[int], temperature: float = 1.0, top_k: int = 100
) -> NDArray[np.int64]:
    """(B, h, w) codes drawn for prompts, as the studio draws them.

    Args:
        prior: In evaluation mode.
        context: (B, n, D).
        seeds: One for each.
    """
    draws = torch.stack([
        torch.rand(CELLS, CELLS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        for seed in seeds
    ])  # fmt: skip
    codes = torch.zeros(len(seeds), CELLS, CELLS, dtype=torch.int64)
    cells = [(row, column) for row in range(CELLS) for column in range(CELLS)]

    with torch.no_grad(), swift_precision():
        read = prior.reading(context)

        def odds(seen: Tensor, row: int, column: int) -> Tensor:
            return read(seen, row, column).float()

        steps = raster(odds, codes, cells, draws, Choice(temperature, top_k), prior.side)
        return list(steps)[-1][1].numpy()

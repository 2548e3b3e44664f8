"""`python -m toyworld.x4`: `pocket-x4`, which draws a small picture again, four times as large.

A model of pixels in the layout of a cascade's second stage (diffusers' `IFSuperResolutionPipeline`)
that attends to no prompt: v, a learned variance, the small picture enlarged and noised beside x.
It learns on crops of drawn scenes, as the renderer gives them at 256 px (from 64) and at 1,024
(from 256). Stages: `train` (one thread, resumable), `export`, `score` (see `x4_score`).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from toyworld.checkpoint import Clock
from toyworld.dataset import Pool, render_pool, to_tensor
from toyworld.fitting import Fitting
from toyworld.folder import half_precision, write_json
from toyworld.hybrid import Hybrid
from toyworld.model_card import write_model_card
from toyworld.swapping import swapped_in
from toyworld.world import SECOND

FACTOR = 4
POOLS = ((256, 51, 1000), (1024, 52, 60))
"""Side in px, seed and number of scenes; a batch is half of each."""
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "variance_type": "learned_range",
}
NOISING = {"num_train_timesteps": 1000, "beta_start": 1e-5, "beta_end": 5e-4}
"""Of the small picture: at level 250 a deviation of 0.13, at 999 of 0.47, in -1..1."""
GUIDANCE = 1.0


@dataclass(frozen=True)
class Recipe:
    """What decides a run.

    Attributes:
        channels: Of the UNet's levels.
        groups: Of its norms. Many norms of two channels each forget a plain crop's colour.
        crops: Side in px, a multiple of 4, and number of the large crops of a step, in turns: in
            use a norm sees a whole picture, so some of them are large.
        choice: Of so many random spots the busiest is learned: most of a drawing is plain.
        rate: Learning rate after warm-up.
        seed: Of weights, order, noise and time steps.
    """

    channels: tuple[int, ...] = (16, 32, 64)
    groups: int = 2
    crops: tuple[tuple[int, int], ...] = ((48, 24), (48, 24), (112, 4))
    choice: int = 2
    rate: float = 2e-3
    seed: int = 0


def new_unet(recipe: Recipe) -> UNet2DConditionModel:
    """An untrained UNet of convolutions alone, so that it draws any size."""
    levels = len(recipe.channels)
    torch.manual_seed(recipe.seed)
    return UNet2DConditionModel(
        sample_size=256,
        in_channels=6,
        out_channels=6,
        layers_per_block=1,
        block_out_channels=recipe.channels,
        norm_num_groups=recipe.groups,
        resnet_time_scale_shift="scale_shift",
        down_block_types=("DownBlock2D",) * levels,
        mid_block_type="UNetMidBlock2D",
        up_block_types=("UpBlock2D",) * levels,
        class_embed_type="timestep",
        cross_attention_dim=1,
    )


def enlarged(small: Tensor) -> Tensor:
    """(B, 3, h, w) -> (B, 3, 4 h, 4 w), as the second stage's pipeline does it."""
    size = (FACTOR * small.shape[2], FACTOR * small.shape[3])
    return functional.interpolate(small, size=size, mode="bilinear", align_corners=True)


def busyness(picture: NDArray[np.uint8]) -> float:
    """Mean difference of pixels two apart in (H, W, 3); next to nothing where it is plain."""
    some = picture[::2, ::2].astype(np.int16)
    return float(np.abs(np.diff(some, axis=0)).mean() + np.abs(np.diff(some, axis=1)).mean())


def reduced(large: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) -> a quarter of both sides, each pixel the mean of its sixteen."""
    height, width = large.shape[:2]
    return cv2.resize(large, (width // FACTOR, height // FACTOR), interpolation=cv2.INTER_AREA)


class X4Trainer(Fitting[UNet2DConditionModel]):
    """A run; its state in `work` brings the optimiser back.

    Args:
        recipe: What decides it.
        work: Folder of its state.
        pools: What it learns, each as often as the others.
    """

    def __init__(self, recipe: Recipe, work: Path, pools: list[Pool]) -> None:
        super().__init__(new_unet(recipe), work, recipe.rate)
        self.recipe, self.pools = recipe, pools
        self._hybrid, self._noising = Hybrid(SCHEDULE), Hybrid(NOISING)

    def crops(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Large crops of a batch and their small pictures, in -1..1."""
        side, count = self.recipe.crops[self.step % len(self.recipe.crops)]
        large = np.empty((count, side, side, 3), dtype=np.uint8)
        for place in range(count):
            pixels = self.pools[place % len(self.pools)].pixels
            # On the small picture's grid, so that the pair is what a whole picture would give.
            spots = (pixels.shape[1] - side) // FACTOR + 1
            found = []
            for _ in range(self.recipe.choice):
                top, left = FACTOR * rng.integers(spots, size=2)
                one = pixels[rng.integers(len(pixels)), top : top + side, left : left + side]
                found.append(one)
            picture = max(found, key=busyness)
            large[place] = picture[:, ::-1] if rng.random() < 0.5 else picture
        small = np.stack([reduced(picture) for picture in large])
        return to_tensor(large), to_tensor(small)

    def loss(self) -> Tensor:
        """See `Hybrid.loss`; of the crops, levels and noise of this step."""
        rng = np.random.default_rng((self.recipe.seed, self.step))
        x0, small = self.crops(rng)
        noise, other = (
            torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32)) for _ in range(2)
        )
        t = torch.from_numpy(rng.integers(1000, size=len(x0)))
        # Half of them below 63: little noise is asked for most.
        level = torch.from_numpy((1000 * rng.random(len(x0)) ** 4).astype(np.int64))
        beside = self._noising.noised(enlarged(small), other, level)
        x = torch.cat([self._hybrid.noised(x0, noise, t), beside], dim=1)
        with torch.autocast("cpu", torch.bfloat16):
            made = self.net(
                x, t, encoder_hidden_states=torch.zeros(len(x), 1, 1), class_labels=level
            ).sample
        return self._hybrid.loss(made, x0, noise, t)


def export(trainer: X4Trainer, folder: Path) -> None:
    """Writes the model beside `folder`, then swaps it in."""
    with swapped_in(folder) as aside:
        half_precision(trainer.averaged()).save_pretrained(aside / "unet")
        scheduler = {"clip_sample": True, **SCHEDULE, "_class_name": "DDPMScheduler"}
        for part, config in (("scheduler", scheduler), ("image_noising_scheduler", NOISING)):
            (aside / part).mkdir()
            whole = {"_class_name": "DDPMScheduler", **config}
            write_json(aside / part / "scheduler_config.json", whole)
        index = {
            "_class_name": "IFSuperResolutionPipeline",
            "_diffusers_version": "0.35.0",
            "unet": ["diffusers", "UNet2DConditionModel"],
            "scheduler": ["diffusers", "DDPMScheduler"],
            "image_noising_scheduler": ["diffusers", "DDPMScheduler"],
            "text_encoder": [None, None],
            "tokenizer": [None, None],
        }
        write_json(aside / "model_index.json", index)
        write_json(aside / "card.json", {"title": "Pocket x4", "guidance_scale": GUIDANCE})
        examples = trainer.step * sum(count for _, count in trainer.recipe.crops)
        examples //= len(trainer.recipe.crops)
        write_model_card(
            aside,
            "Pocket x4",
            "Diffusion on pixels that draws a small picture again, four times as large, and reads "
            "no prompt. It learned\ncrops of the drawn scenes of `toyworld/`, which this project "
            "renders itself: 64 px to 256, and 256 px to 1,024.\n\n"
            f"Made by `python -m toyworld.x4`: {trainer.step} steps, {examples} crops. Measured by "
            "`--stage score`.",
            "image-to-image",
        )


def pools(folder: Path) -> list[Pool]:
    """The scenes that it learns, drawn or opened."""
    return [
        render_pool(folder, seed, count, side, workers=1, world=SECOND)
        for side, seed, count in POOLS
    ]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.x4", description=__doc__)
    add = parser.add_argument
    add("--stage", choices=("all", "train", "export", "score"), default="all")
    add("--training-steps", type=int, default=12_000, help="budget, all runs together")
    add("--minutes", type=float, help="another budget; the sooner ends it")
    add("--work", type=Path, default=Path("runs/pocket-x4"))
    add("--out", type=Path, default=Path("models/checkpoints/pocket-cascade/pocket-x4"))
    add("--scenes", type=int, default=200, help="of the score")
    return parser.parse_args()


def main() -> None:
    """Runs the stages that the command line asks for."""
    args = arguments()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    whole = args.stage == "all"
    if args.stage != "score":
        trainer = X4Trainer(Recipe(), args.work, pools(args.work))
        if args.stage != "export":
            clock = Clock(args.minutes, args.training_steps)
            trainer.run(clock, lambda line: print(line, flush=True))
        export(trainer, args.out)
    if whole or args.stage == "score":
        from toyworld.x4_score import write_score  # the eyes are a package of their own

        print(write_score(args.out, args.scenes), flush=True)


if __name__ == "__main__":
    main()

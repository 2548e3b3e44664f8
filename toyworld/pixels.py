"""`python -m toyworld.pixels`: `pocket-pixels`, plain diffusion on 32 px, told a class.

Stages: `train` (one thread, resumable: a step is decided by (seed, step) alone), `export` (the
folder that the studio reads), `table` (the DDIM experiment on it, see `pixel_table`).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import Tensor

from toyworld.checkpoint import Clock
from toyworld.dataset import to_tensor
from toyworld.fitting import Fitting
from toyworld.folder import half_precision, write_json
from toyworld.model_card import write_model_card
from toyworld.pixel_table import STEPS, write_table
from toyworld.precision import swift_precision
from toyworld.swapping import swapped_in
from toyworld.things import NAMES, SIDE_PX, Things, pool

POOL_SEED, POOL_COUNT = 31, 40_000
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "prediction_type": "v_prediction",
}
"""Linear betas (2006.11239); v is predicted (2202.00512)."""


@dataclass(frozen=True)
class Recipe:
    """What decides a run.

    Attributes:
        channels: Of the UNet's levels.
        groups: Of its norms. Many norms of two channels each forget the ground's colour.
        side_px: Of the pictures.
        batch: Pictures a step.
        rate: Learning rate after warm-up.
        seed: Of weights, order, noise and time steps.
    """

    channels: tuple[int, ...] = (16, 32, 64, 96)
    groups: int = 4
    side_px: int = SIDE_PX
    batch: int = 32
    rate: float = 2e-3
    seed: int = 0


def new_unet(recipe: Recipe) -> UNet2DModel:
    """An untrained UNet; attention at the coarsest level alone."""
    levels = len(recipe.channels)
    torch.manual_seed(recipe.seed)
    unet = UNet2DModel(
        sample_size=recipe.side_px,
        block_out_channels=recipe.channels,
        layers_per_block=1,
        norm_num_groups=recipe.groups,
        resnet_time_scale_shift="scale_shift",
        attention_head_dim=16,
        num_class_embeds=len(NAMES),
        down_block_types=(*("DownBlock2D",) * (levels - 1), "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", *("UpBlock2D",) * (levels - 1)),
    )
    # The fused attention is slow on the way back where there are few cells.
    for module in unet.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())
    return unet


class PixelTrainer(Fitting[UNet2DModel]):
    """A run; its state in `work` brings the optimiser back.

    Args:
        recipe: What decides it.
        work: Folder of its state.
        things: What it learns.
    """

    def __init__(self, recipe: Recipe, work: Path, things: Things) -> None:
        super().__init__(new_unet(recipe), work, recipe.rate)
        self.recipe, self.things = recipe, things
        self._alphas = DDPMScheduler(**SCHEDULE).alphas_cumprod

    def loss(self) -> Tensor:
        """Mean squared error of v over the batch of this step."""
        rng = np.random.default_rng((self.recipe.seed, self.step))
        places = rng.integers(len(self.things.pixels), size=self.recipe.batch)
        x0 = to_tensor(self.things.pixels[places])
        labels = torch.from_numpy(self.things.labels[places])
        noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32))
        t = torch.from_numpy(rng.integers(len(self._alphas), size=self.recipe.batch))
        signal = self._alphas[t][:, None, None, None]
        x = signal.sqrt() * x0 + (1 - signal).sqrt() * noise
        wanted = signal.sqrt() * noise - (1 - signal).sqrt() * x0
        with swift_precision():
            made = self.net(x, t, class_labels=labels).sample
        return (made.float() - wanted).square().mean()


def export(trainer: PixelTrainer, folder: Path) -> None:
    """Writes the model beside `folder`, then swaps it in, so that readers never see half of it."""
    with swapped_in(folder) as aside:
        unet = half_precision(trainer.averaged())
        DDPMPipeline(unet, DDPMScheduler(**SCHEDULE, clip_sample=True)).save_pretrained(aside)
        write_json(aside / "card.json", {"title": "Pocket pixels", "known_words": list(NAMES)})
        examples = trainer.step * trainer.recipe.batch
        write_model_card(
            aside,
            "Pocket pixels",
            f"Plain diffusion on {trainer.recipe.side_px} px, told one of {len(NAMES)} classes: "
            f"{', '.join(NAMES)}.\nT = 1000, linear betas 1e-4..0.02, v. It learned nothing but "
            "the single drawn things of `toyworld/`.\n\n"
            f"Made by `python -m toyworld.pixels`: {trainer.step} steps, {examples} examples. "
            "Measured by `--stage table`.",
            "unconditional-image-generation",
        )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.pixels", description=__doc__)
    add = parser.add_argument
    add("--stage", choices=("all", "train", "export", "table"), default="all")
    add("--training-steps", type=int, default=3800, help="budget, all runs together")
    add("--minutes", type=float, help="another budget; the sooner ends it")
    add("--work", type=Path, default=Path("runs/pocket-pixels"))
    add("--out", type=Path, default=Path("models/checkpoints/pocket-pixels"))
    add("--samples", type=int, default=2000, help="of each cell of the table")
    add("--steps", type=int, nargs="*", default=list(STEPS), help="columns of the table")
    return parser.parse_args()


def main() -> None:
    """Runs the stages that the command line asks for."""
    args = arguments()
    torch.set_num_threads(1)
    whole = args.stage == "all"
    if whole or args.stage in ("train", "export"):
        trainer = PixelTrainer(Recipe(), args.work, pool(args.work, POOL_SEED, POOL_COUNT))
        if args.stage != "export":
            clock = Clock(args.minutes, args.training_steps)
            trainer.run(clock, lambda line: print(line, flush=True))
        export(trainer, args.out)
    if whole or args.stage == "table":
        print(write_table(args.out, args.work, args.samples, args.steps), flush=True)


if __name__ == "__main__":
    main()

"""`python -m toyworld.pixels`: `pocket-pixels`, plain diffusion on 32 px, told a class.

Stages: `train` (one thread, resumable: a step is decided by (seed, step) alone), `export` (the
folder that the studio reads), `table` (the DDIM experiment on it, see `pixel_table`).
"""

from __future__ import annotations

import argparse
import copy
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from torch import Tensor

from toyworld.checkpoint import Clock, learning_rate, load_state, save_state, set_learning_rate
from toyworld.dataset import to_tensor
from toyworld.folder import write_json
from toyworld.pause import wait_while_paused
from toyworld.pixel_table import STEPS, write_table
from toyworld.things import NAMES, SIDE_PX, Things, pool

POOL_SEED, POOL_COUNT = 31, 24_000
EMA_DECAY = 0.9995
SCHEDULE = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02}
"""Linear betas; eps is predicted (2006.11239)."""


@dataclass(frozen=True)
class Recipe:
    """What decides a run.

    Attributes:
        channels: Of the UNet's levels.
        side_px: Of the pictures.
        batch: Pictures a step.
        rate: Learning rate after warm-up.
        seed: Of weights, order, noise and time steps.
    """

    channels: tuple[int, ...] = (64, 96, 128)
    side_px: int = SIDE_PX
    batch: int = 64
    rate: float = 5e-4
    seed: int = 0


def new_unet(recipe: Recipe) -> UNet2DModel:
    """An untrained UNet; attention at the coarsest level alone."""
    levels = len(recipe.channels)
    torch.manual_seed(recipe.seed)
    return UNet2DModel(
        sample_size=recipe.side_px,
        block_out_channels=recipe.channels,
        layers_per_block=1,
        norm_num_groups=16,
        attention_head_dim=16,
        num_class_embeds=len(NAMES),
        down_block_types=(*("DownBlock2D",) * (levels - 1), "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", *("UpBlock2D",) * (levels - 1)),
    )


class PixelTrainer:
    """A run; its state in `work` brings the optimiser back.

    Args:
        recipe: What decides it.
        work: Folder of its state.
        things: What it learns.
    """

    def __init__(self, recipe: Recipe, work: Path, things: Things) -> None:
        self.recipe, self.work, self.things = recipe, work, things
        self.unet = new_unet(recipe).to(memory_format=torch.channels_last).train()
        self._weights = list(self.unet.parameters())
        self._average = [weight.detach().clone() for weight in self._weights]
        self.optimizer = torch.optim.AdamW(
            self._weights, lr=recipe.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self._alphas = DDPMScheduler(**SCHEDULE).alphas_cumprod
        self.step, self.spent_s = 0, 0.0
        state = load_state(self.state_path)
        if state is not None:
            with torch.no_grad():
                torch._foreach_copy_(self._weights, state["weights"])
                torch._foreach_copy_(self._average, state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.spent_s = int(state["step"]), float(state["spent_s"])

    @property
    def state_path(self) -> Path:
        """Where it is kept."""
        return self.work / "pixels.pt"

    def save(self) -> None:
        """Writes all that a resumed run needs."""
        save_state(
            self.state_path,
            weights=[weight.detach() for weight in self._weights],
            average=self._average,
            optimizer=self.optimizer.state_dict(),
            step=self.step,
            spent_s=self.spent_s,
        )

    def loss(self) -> Tensor:
        """Mean squared error of eps over the batch of this step."""
        rng = np.random.default_rng((self.recipe.seed, self.step))
        places = rng.integers(len(self.things.pixels), size=self.recipe.batch)
        x0 = to_tensor(self.things.pixels[places])
        labels = torch.from_numpy(self.things.labels[places])
        noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32))
        t = torch.from_numpy(rng.integers(len(self._alphas), size=self.recipe.batch))
        signal = self._alphas[t][:, None, None, None]
        x = signal.sqrt() * x0 + (1 - signal).sqrt() * noise
        made = self.unet(x.to(memory_format=torch.channels_last), t, class_labels=labels).sample
        return (made - noise).square().mean()

    def run(self, clock: Clock, report: Callable[[str], None] = print) -> None:
        """Trains until the budget is used; stands still while somebody holds the work folder."""
        clock.step, clock.spent_s = self.step, self.spent_s
        losses: list[float] = []
        saved = time.monotonic()
        while clock.progress() < 1.0:
            wait_while_paused(self.work)
            set_learning_rate(
                self.optimizer, learning_rate(clock, self.recipe.rate, self.recipe.rate / 50, 200)
            )
            loss = self.loss()
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
            self.optimizer.step()
            decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(self._average, self._weights, 1.0 - decay)
            losses.append(loss.item())
            self.step += 1
            clock.step, self.spent_s = self.step, clock.elapsed_s()
            if self.step % 100 == 0:
                mean = np.mean(losses[-100:])
                report(f"step {self.step} {self.spent_s:.0f} s loss {mean:.4f}")
            if time.monotonic() - saved > 180:
                self.save()
                saved = time.monotonic()
        self.save()

    def averaged(self) -> UNet2DModel:
        """A copy that carries the averaged weights."""
        unet = copy.deepcopy(self.unet).eval()
        with torch.no_grad():
            torch._foreach_copy_(list(unet.parameters()), self._average)
        return unet.to(memory_format=torch.contiguous_format)


def export(trainer: PixelTrainer, folder: Path) -> None:
    """Writes the model beside `folder`, then swaps it in, so that readers never see half of it."""
    aside = folder.with_name(folder.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    scheduler = DDPMScheduler(**SCHEDULE, clip_sample=True)
    DDPMPipeline(trainer.averaged(), scheduler).save_pretrained(aside)
    write_json(aside / "card.json", {"title": "Pocket pixels", "known_words": list(NAMES)})
    old = folder.with_name(folder.name + ".old")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.pixels", description=__doc__)
    add = parser.add_argument
    add("--stage", choices=("all", "train", "export", "table"), default="all")
    add("--minutes", type=float, default=150.0, help="budget of the training, all runs together")
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
            trainer.run(Clock(minutes=args.minutes), lambda line: print(line, flush=True))
        export(trainer, args.out)
    if whole or args.stage == "table":
        print(write_table(args.out, args.work, args.samples, args.steps), flush=True)


if __name__ == "__main__":
    main()

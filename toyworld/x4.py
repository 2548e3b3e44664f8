"""`python -m toyworld.x4`: `pocket-x4`, which draws a small picture again, four times as large.

Latent diffusion beside a small picture (2112.10752, sec. 4.4), in the layout of diffusers'
`LDMSuperResolutionPipeline`: an autoencoder of factor 4, whose latents are as large as the small
picture, and a UNet of convolutions that sees both and reads no prompt. A step on latents costs a
sixteenth of one on pixels. It learns on drawn scenes as the renderer gives them at 256 px (from 64)
and at 1,024 (from 256). Stages: `autoencoder`, `train` (both one thread, resumable), `export`,
`score` (see `x4_score`).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DModel
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from toyworld.autoencoder import psnr_db, train_autoencoder
from toyworld.checkpoint import Clock, fingerprint_of
from toyworld.dataset import Pool, render_pool, to_tensor
from toyworld.fitting import Fitting
from toyworld.folder import forget_origin, half_precision, write_json
from toyworld.grow import deep_autoencoder, take, whiten
from toyworld.model_card import write_model_card
from toyworld.pause import wait_while_paused
from toyworld.precision import swift_precision
from toyworld.swapping import swapped_in
from toyworld.world import SECOND

FACTOR = 4
CHANNELS = 3
"""Of the latents: diffusers' pipeline gives them half of what its UNet sees."""
POOLS = ((256, 51, 3000), (1024, 52, 120))
"""Side in px, seed and number of scenes; a batch is half of each."""
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
}
STEPS = 20


@dataclass(frozen=True)
class Recipe:
    """What decides a run.

    Attributes:
        stem: Widths of the autoencoder's levels, Pocket's outer ones.
        channels: Of the UNet's levels.
        groups: Of its norms.
        crops: Side in cells of the latents, and how many, of a step, in turns: in use a norm sees
            a whole picture, so some of them are large.
        choice: Of so many random spots the busiest is learned: most of a drawing is plain.
        grain: The small picture's noise, at most, in -1..1: what a first stage draws is not clean.
        rate: Learning rate after warm-up.
        seed: Of weights, order, noise and time steps.
    """

    stem: tuple[int, ...] = (16, 32, 64)
    channels: tuple[int, ...] = (48, 96, 96)
    groups: int = 8
    crops: tuple[tuple[int, int], ...] = ((32, 16), (32, 16), (64, 4))
    choice: int = 2
    grain: float = 0.15
    rate: float = 1.5e-3
    seed: int = 0


def new_autoencoder(deep: AutoencoderKL, recipe: Recipe) -> AutoencoderKL:
    """An autoencoder of factor 4 that begins with a deeper one's outer levels.

    Args:
        deep: Its outer levels have the recipe's widths.
        recipe: Gives the widths.

    Raises:
        ValueError: They have others.
    """
    levels = len(recipe.stem)
    if tuple(deep.config["block_out_channels"][:levels]) != recipe.stem:
        raise ValueError(f"The autoencoder's outer levels are not {recipe.stem} wide.")
    vae = deep_autoencoder(recipe.stem, CHANNELS)
    take(vae.encoder.conv_in, deep.encoder.conv_in)
    for ours, theirs in zip(vae.encoder.down_blocks, deep.encoder.down_blocks, strict=False):
        take(ours, theirs)
    outer = deep.decoder.up_blocks[-levels:]
    for ours, theirs in zip(vae.decoder.up_blocks, outer, strict=True):
        take(ours, theirs)
    take(vae.decoder.conv_norm_out, deep.decoder.conv_norm_out)
    take(vae.decoder.conv_out, deep.decoder.conv_out)
    return vae


def new_unet(recipe: Recipe) -> UNet2DModel:
    """An untrained UNet of convolutions alone, so that it draws any size."""
    levels = len(recipe.channels)
    torch.manual_seed(recipe.seed)
    unet = UNet2DModel(
        sample_size=64,
        in_channels=CHANNELS + 3,
        out_channels=CHANNELS,
        layers_per_block=1,
        block_out_channels=recipe.channels,
        norm_num_groups=recipe.groups,
        resnet_time_scale_shift="scale_shift",
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("UpBlock2D",) * levels,
        add_attention=False,
    )
    return unet.to(memory_format=torch.channels_last)


def reduced(large: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) -> a quarter of both sides, each pixel the mean of its sixteen."""
    height, width = large.shape[:2]
    return cv2.resize(large, (width // FACTOR, height // FACTOR), interpolation=cv2.INTER_AREA)


def busyness(picture: NDArray[np.uint8]) -> float:
    """Mean difference of neighbours in (H, W, 3); next to nothing where it is plain."""
    some = picture.astype(np.int16)
    return float(np.abs(np.diff(some, axis=0)).mean() + np.abs(np.diff(some, axis=1)).mean())


@dataclass(frozen=True)
class Pairs:
    """Latents beside the small pictures that they stand for, cell by pixel.

    Attributes:
        latents: (N, 3, h, w) float16.
        small: (N, h, w, 3) uint8.
    """

    latents: NDArray[np.float16]
    small: NDArray[np.uint8]


@torch.no_grad()
def encoded(pool: Pool, vae: AutoencoderKL, folder: Path) -> Pairs:
    """The pool's pairs, made once and kept in `folder` for the autoencoder at hand."""
    name = f"pairs-{pool.pixels.shape[1]}px-{len(pool.pixels)}"
    paths = [folder / f"{name}-{part}.npy" for part in ("latents", "small")]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        latents, small = [], []
        for pixels in pool.pixels:
            posterior = vae.encode(to_tensor(pixels[None])).latent_dist
            latents.append(posterior.mode()[0].numpy().astype(np.float16))
            small.append(reduced(pixels))
        for path, made in zip(paths, (latents, small), strict=True):
            np.save(path, np.stack(made))
    return Pairs(np.load(paths[0]), np.load(paths[1]))


@torch.no_grad()
def normed(vae: AutoencoderKL, pool: Pool, count: int = 200) -> AutoencoderKL:
    """A copy whose latents of the pool have mean 0 and deviation 1 in every channel."""
    found = [
        vae.encode(to_tensor(pixels[None])).latent_dist.mode()[0].flatten(1)
        for pixels in pool.pixels[:count]
    ]
    every = torch.cat(found, dim=1)
    return whiten(vae, every.mean(dim=1), every.std(dim=1))


class X4Trainer(Fitting[UNet2DModel]):
    """A run; its state in `work` brings the optimiser back.

    Args:
        recipe: What decides it.
        work: Folder of its state.
        pairs: What it learns, each as often as the others.
    """

    def __init__(self, recipe: Recipe, work: Path, pairs: list[Pairs]) -> None:
        super().__init__(new_unet(recipe), work, recipe.rate)
        self.recipe, self.pairs = recipe, pairs
        self._alphas = DDIMScheduler(**SCHEDULE).alphas_cumprod

    def crops(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Latents of a batch, and the small pictures in -1..1; (B, 3, side, side) both."""
        side, count = self.recipe.crops[self.step % len(self.recipe.crops)]
        latents = np.empty((count, CHANNELS, side, side), dtype=np.float32)
        small = np.empty((count, side, side, 3), dtype=np.uint8)
        for place in range(count):
            pairs = self.pairs[place % len(self.pairs)]
            spots = []
            for _ in range(self.recipe.choice):
                one = int(rng.integers(len(pairs.small)))
                top, left = (int(n) for n in rng.integers(pairs.small.shape[1] - side + 1, size=2))
                spots.append((one, slice(top, top + side), slice(left, left + side)))
            one, rows, columns = max(spots, key=lambda spot: busyness(pairs.small[spot]))
            latents[place] = pairs.latents[one, :, rows, columns]
            small[place] = pairs.small[one, rows, columns]
        return torch.from_numpy(latents), to_tensor(small)

    def loss(self) -> Tensor:
        """Mean squared error of v over the crops, grain, noise and time steps of this step."""
        rng = np.random.default_rng((self.recipe.seed, self.step))
        x0, small = self.crops(rng)
        noise, grain = (
            torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32)) for _ in range(2)
        )
        # Half of them have next to none: most of what is enlarged is a clean picture.
        amount = torch.from_numpy(self.recipe.grain * rng.random(len(x0), dtype=np.float32) ** 4)
        small = small + amount[:, None, None, None] * grain
        t = torch.from_numpy(rng.integers(len(self._alphas), size=len(x0)))
        signal = self._alphas[t][:, None, None, None]
        x = signal.sqrt() * x0 + (1 - signal).sqrt() * noise
        wanted = signal.sqrt() * noise - (1 - signal).sqrt() * x0
        seen = torch.cat([x, small], dim=1).contiguous(memory_format=torch.channels_last)
        with swift_precision():
            made = self.net(seen, t).sample
        return functional.mse_loss(made.float(), wanted)


def export(trainer: X4Trainer, vae: AutoencoderKL, folder: Path) -> None:
    """Writes the model beside `folder`, then swaps it in."""
    with swapped_in(folder) as aside:
        unet = trainer.averaged().to(memory_format=torch.contiguous_format)
        half_precision(unet).save_pretrained(aside / "unet")
        half_precision(vae.to(memory_format=torch.contiguous_format)).save_pretrained(
            aside / "vqvae"
        )
        forget_origin(aside / "vqvae")
        DDIMScheduler(**SCHEDULE, clip_sample=False).save_pretrained(aside / "scheduler")
        index = {
            "_class_name": "LDMSuperResolutionPipeline",
            "_diffusers_version": "0.35.0",
            "unet": ["diffusers", "UNet2DModel"],
            "vqvae": ["diffusers", "AutoencoderKL"],
            "scheduler": ["diffusers", "DDIMScheduler"],
        }
        write_json(aside / "model_index.json", index)
        write_json(aside / "card.json", {"title": "Pocket x4", "steps": STEPS, "faithful": True})
        turns = trainer.recipe.crops
        examples = trainer.step * sum(count for _, count in turns) // len(turns)
        write_model_card(
            aside,
            "Pocket x4",
            "Latent diffusion that draws a small picture again, four times as large, and reads no "
            "prompt. It learned\nthe drawn scenes of `toyworld/`, which this project renders "
            "itself: 64 px to 256, and 256 px to 1,024.\n\n"
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


def first_stage(args: argparse.Namespace, drawn: list[Pool]) -> AutoencoderKL:
    """The autoencoder: trained until its budget is used, then its latents normed, and kept."""
    done = args.work / "vqvae"
    if not done.exists():
        deep = AutoencoderKL.from_pretrained(
            args.model / "vae", torch_dtype=torch.float32, use_safetensors=True
        )
        vae = new_autoencoder(deep, Recipe())
        large, larger = drawn
        train_autoencoder(
            vae, large, larger, Clock(minutes=args.first_minutes), args.work / "vqvae.pt",
            batch=8, between=partial(wait_while_paused, args.work),
        )  # fmt: skip
        found = psnr_db(vae, large.pixels[:50])
        print(f"autoencoder {found:.2f} dB", flush=True)
        normed(vae, large).save_pretrained(done)
    vae = AutoencoderKL.from_pretrained(done, torch_dtype=torch.float32, use_safetensors=True)
    return vae.eval().to(memory_format=torch.channels_last)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.x4", description=__doc__)
    add = parser.add_argument
    add("--stage", choices=("all", "autoencoder", "train", "export", "score"), default="all")
    add("--first-minutes", type=float, default=15.0, help="budget of the autoencoder")
    add("--training-steps", type=int, default=12_000, help="budget, all runs together")
    add("--minutes", type=float, help="another budget; the sooner ends it")
    add("--work", type=Path, default=Path("runs/pocket-x4"))
    add("--model", type=Path, default=Path("models/checkpoints/pocket"), help="it grows from")
    add("--out", type=Path, default=Path("models/checkpoints/pocket-cascade/pocket-x4"))
    add("--scenes", type=int, default=200, help="of the score")
    return parser.parse_args()


def main() -> None:
    """Runs the stages that the command line asks for."""
    args = arguments()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if args.stage != "score":
        drawn = pools(args.work)
        vae = first_stage(args, drawn)
        if args.stage != "autoencoder":
            kept = args.work / f"pairs-{fingerprint_of(args.work / 'vqvae')}"
            trainer = X4Trainer(Recipe(), args.work, [encoded(pool, vae, kept) for pool in drawn])
            if args.stage != "export":
                clock = Clock(args.minutes, args.training_steps)
                trainer.run(clock, lambda line: print(line, flush=True))
            export(trainer, vae, args.out)
    if args.stage in ("all", "score"):
        from toyworld.x4_score import write_score  # the eyes are a package of their own

        print(write_score(args.out, args.scenes), flush=True)


if __name__ == "__main__":
    main()

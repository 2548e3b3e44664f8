"""`python -m toyworld.train`: from nothing to the folder of the built-in model.

Stages: `autoencoder` (and its latents), `diffusion` (captions, then pictures of 128 px, then of
256 px), `decoder` (the decoder alone for sharper pictures; latents stay valid), `export`. Each goes
on from its checkpoint.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

from toyworld.autoencoder import new_autoencoder, psnr_db, train_autoencoder
from toyworld.checkpoint import Clock, load_state, save_state
from toyworld.controlnet import control_stage
from toyworld.dataset import Pool, render_pool, scene_of
from toyworld.diffusion import Lesson, Trainer, encode_pool, new_unet
from toyworld.folder import EXAMPLE_PROMPTS, world_of, write_folder
from toyworld.lexicon import learn_captions
from toyworld.render import render
from toyworld.sampling import Parts, generate
from toyworld.style_loras import style_stage
from toyworld.styles import STYLES
from toyworld.text import new_text_encoder, write_tokenizer
from toyworld.world import FIRST, World

FOCUS = 2.0
"""How much more a subject's cells count than its surroundings."""
LARGE_SEED, SMALL_SEED, FRESH_SEED = 1, 2, 99


@dataclass(frozen=True)
class Recipe:
    """Data and budgets; the defaults are for two CPU cores."""

    work: Path
    out: Path
    device: str = "cpu"
    seed: int = 0
    small_count: int = 16000
    large_count: int = 12000
    guidance: float = 6.0
    small_batch: int = 64
    large_batch: int = 16
    compiled: bool = False
    world: World = FIRST

    @property
    def large(self) -> Pool:
        return render_pool(self.work, LARGE_SEED, self.large_count, 256, world=self.world)

    @property
    def small(self) -> Pool:
        return render_pool(self.work, SMALL_SEED, self.small_count, 128, world=self.world)


def say(line: str) -> None:
    """Print at once, also into a file."""
    print(line, flush=True)


def open_autoencoder(recipe: Recipe) -> AutoencoderKL:
    """The autoencoder as far as trained: the refined decoder where there is one."""
    vae = new_autoencoder()
    state = load_state(recipe.work / "decoder.pt") or load_state(recipe.work / "autoencoder.pt")
    if state is not None:
        vae.load_state_dict(state["model"])
    frozen = load_state(recipe.work / "scaling.pt")
    if frozen is not None:
        vae.register_to_config(scaling_factor=frozen["scaling_factor"])
    return vae.to(recipe.device).eval()


def autoencoder_stage(recipe: Recipe, minutes: float) -> None:
    """Train the whole autoencoder on crops, then freeze its encoder."""
    vae = new_autoencoder()
    train_autoencoder(
        vae, recipe.large, recipe.small, Clock(minutes=minutes), recipe.work / "autoencoder.pt",
        recipe.seed, device=recipe.device, compiled=recipe.compiled, report=say,
    )  # fmt: skip
    measure_autoencoder(recipe)


def decoder_stage(recipe: Recipe, minutes: float) -> None:
    """Train the decoder alone; what the encoder makes stays as it is."""
    vae = open_autoencoder(recipe)
    train_autoencoder(
        vae, recipe.large, recipe.small, Clock(minutes=minutes), recipe.work / "decoder.pt",
        recipe.seed + 1, peak=1e-3, floor=5e-5, decoder_only=True, device=recipe.device,
        compiled=recipe.compiled, report=say,
    )  # fmt: skip
    measure_autoencoder(recipe)


def measure_autoencoder(recipe: Recipe) -> None:
    """Print the PSNR on fresh 256-px renders."""
    fresh = render_pool(recipe.work, FRESH_SEED, 64, 256)
    say(f"autoencoder PSNR {psnr_db(open_autoencoder(recipe), fresh.pixels):.2f} dB at 256 px")


def lesson(recipe: Recipe, vae: AutoencoderKL, size_px: int) -> Lesson:
    """A pool's latents in the UNet's scale; sets the autoencoder's scaling factor at first use."""
    small = size_px == 128
    pool, batch = (
        (recipe.small, recipe.small_batch) if small else (recipe.large, recipe.large_batch)
    )
    raw = encode_pool(vae, pool, recipe.work / f"latents-{size_px}.npy").astype(np.float32)
    frozen = load_state(recipe.work / "scaling.pt")
    if frozen is None:
        frozen = {"scaling_factor": 1.0 / float(np.std(raw))}
        save_state(recipe.work / "scaling.pt", **frozen)
        say(f"scaling factor {frozen['scaling_factor']:.4f}")
    vae.register_to_config(scaling_factor=frozen["scaling_factor"])
    return Lesson(pool.seed, raw * frozen["scaling_factor"], batch)


def focused(lesson: Lesson, pool: Pool, path: Path) -> Lesson:
    """A lesson in which a subject's cells count more.

    Over whole scenes the ground makes most of the loss, and the subjects' shapes are learned last.
    A subject's cells are those where the picture differs from its empty setting.
    """
    if not path.exists():
        side = lesson.latents.shape[-1]
        masks = np.zeros((len(lesson.latents), side, side), dtype=np.float32)
        size_px = pool.pixels.shape[1]
        cell = size_px // side
        for i, mask in enumerate(masks):
            empty = render(replace(scene_of(pool.seed, i), subjects=()), size_px).astype(np.int16)
            differs = np.abs(empty - pool.pixels[i]).max(axis=-1) > 24
            mask[:] = differs.reshape(side, cell, side, cell).mean(axis=(1, 3))
        np.save(path, masks)
    weights = 1.0 + FOCUS * np.minimum(1.0, 2.0 * np.load(path))
    return replace(lesson, weights=weights.astype(np.float32))


def rehearsed(lesson: Lesson) -> Lesson:
    """A lesson in which scenes of two subjects come twice as often: they are learned last."""
    places = np.arange(len(lesson.latents))
    pairs = [i for i in places if len(scene_of(lesson.seed, int(i)).subjects) == 2]
    return replace(lesson, places=np.concatenate((places, pairs)).astype(int))


def new_trainer(recipe: Recipe) -> tuple[Trainer, CLIPTokenizer]:
    """Text encoder and UNet, from the checkpoint where there is one."""
    torch.manual_seed(recipe.seed)
    tokenizer = write_tokenizer(recipe.work / "tokenizer")
    text = new_text_encoder(tokenizer).to(recipe.device)
    if not (recipe.work / "diffusion.pt").exists():
        learn_captions(text, tokenizer, recipe.work / "words.pt", recipe.seed, report=say)
    trainer = Trainer(
        new_unet(), text, tokenizer, recipe.work / "diffusion.pt", recipe.seed, recipe.device,
        compiled=recipe.compiled,
    )  # fmt: skip
    return trainer, tokenizer


def contact_sheet(parts: Parts, guidance: float, size_px: int, path: Path) -> None:
    """Write the example prompts' pictures as one PNG, five a row."""
    made = generate(parts, list(EXAMPLE_PROMPTS), guidance, size_px, steps=12)
    rows = [np.concatenate(list(made[i : i + 5]), axis=1) for i in range(0, len(made), 5)]
    cv2.imwrite(str(path), np.concatenate(rows)[:, :, ::-1])


def export(recipe: Recipe, trainer: Trainer, tokenizer: CLIPTokenizer, sheet_px: int = 0) -> None:
    """Write the folder from the averaged weights, with a contact sheet where a size is given."""
    unet, text = trainer.averaged()
    vae = open_autoencoder(recipe)
    write_folder(recipe.out, tokenizer, text, unet, vae, recipe.guidance)
    if sheet_px:
        layout = {"memory_format": torch.channels_last}
        unet, text = unet.to(torch.bfloat16).to(**layout), text.to(torch.bfloat16)
        parts = Parts(tokenizer, text, unet, vae.to(torch.bfloat16))
        name = f"sheet-{trainer.step:05d}-{sheet_px}px.png"
        contact_sheet(parts, recipe.guidance, sheet_px, recipe.work / name)
        say(f"wrote {name}")


def diffusion_stage(recipe: Recipe, minutes: float) -> None:
    """Learn scenes at 128 px, then at 256 px."""
    vae = open_autoencoder(recipe)
    trainer, tokenizer = new_trainer(recipe)
    for stage, size_px, share, peak, floor in (
        ("128px", 128, 0.45, 1e-3, 3e-4),
        ("256px", 256, 0.55, 6e-4, 2e-5),
    ):
        taught = lesson(recipe, vae, size_px)
        pool = recipe.small if size_px == 128 else recipe.large
        taught = focused(taught, pool, recipe.work / f"masks-{size_px}.npy")
        taught = replace(taught, text_learns=False) if size_px == 128 else rehearsed(taught)
        trainer.run(
            stage,
            taught,
            Clock(minutes=share * minutes),
            peak,
            floor,
            say,
            lambda size_px=size_px: export(recipe, trainer, tokenizer, size_px),
        )
    export(recipe, trainer, tokenizer, 256)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.train", description=__doc__)
    parser.add_argument(
        "--stage", choices=("all", "autoencoder", "diffusion", "decoder", "export"), default="all"
    )
    parser.add_argument(
        "--minutes", type=float, default=90.0,
        help="budget of the stage; 'all' gives 18%% to the autoencoder, 10%% to its decoder",
    )  # fmt: skip
    parser.add_argument(
        "--work", type=Path, default=Path("runs/pocket"), help="data and checkpoints"
    )
    parser.add_argument("--out", type=Path, default=Path("models/checkpoints/pocket"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--guidance", type=float, default=6.0, help="recommended in the card")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--compile", action="store_true", help="faster steps; needs a C++ compiler at hand"
    )
    parser.add_argument(
        "--controlnet", action="store_true",
        help="train the ControlNet for edges of the model in --out instead, for --minutes",
    )  # fmt: skip
    parser.add_argument(
        "--styles", nargs="*", choices=tuple(STYLES), metavar="STYLE",
        help="fit the style LoRAs of the model in --out instead: these, or all",
    )  # fmt: skip
    parser.add_argument("--loras-out", type=Path, default=Path("models/loras"))
    parser.add_argument(
        "--large-share", type=float, default=0.5, help="of the ControlNet's time: that at 256 px"
    )
    parser.add_argument(
        "--controlnet-out", type=Path, default=Path("models/controlnet/pocket-canny")
    )
    parser.add_argument(
        "--controlnet-from", type=Path, help="folder of an earlier training to go on from"
    )
    parser.add_argument(
        "--controlnet-steps", type=int, help="its budget in steps instead of minutes"
    )
    return parser.parse_args()


def main() -> None:
    """Run the stages that the command line asks for."""
    args = arguments()
    cv2.setNumThreads(1)
    recipe = Recipe(
        args.work, args.out, args.device, args.seed, guidance=args.guidance, compiled=args.compile
    )
    if args.styles is not None:
        style_stage(recipe.out, args.loras_out, recipe.device, say, styles=args.styles)
        return
    if args.controlnet:
        recipe = replace(recipe, world=world_of(recipe.out))
        control_stage(
            recipe.out, args.controlnet_out, recipe.work, lambda: recipe.small,
            lambda: recipe.large, args.minutes, args.large_share, recipe.seed, recipe.device, say,
            start=args.controlnet_from, compiled=recipe.compiled, steps=args.controlnet_steps,
        )  # fmt: skip
        return
    whole = args.stage == "all"
    if whole or args.stage == "autoencoder":
        autoencoder_stage(recipe, args.minutes * (0.18 if whole else 1.0))
    if whole or args.stage == "diffusion":
        diffusion_stage(recipe, args.minutes * (0.72 if whole else 1.0))
    if whole or args.stage == "decoder":
        decoder_stage(recipe, args.minutes * (0.10 if whole else 1.0))
    if whole or args.stage in ("decoder", "export"):
        trainer, tokenizer = new_trainer(recipe)
        export(recipe, trainer, tokenizer)


if __name__ == "__main__":
    main()

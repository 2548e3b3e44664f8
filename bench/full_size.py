"""One guided step of SD 1.5 at its full size, random weights: ours against diffusers as it comes.

    python -m bench.full_size --side 512 --runs 3

The model is made once, in bfloat16, under --cache (2 GB). Times are medians of alternating runs.
On a machine that other work shares, `--clock cpu` with one thread (OMP_NUM_THREADS=1) counts the
seconds that this process had, which the others do not change.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from backend.models.catalog import Catalog
from backend.models.devices import Target
from backend.models.loading import load_checkpoint
from backend.sampling.guidance import cfg
from backend.sampling.types import Level
from bench.table import machine, markdown
from tests.tiny import tiny_tokenizer

NAME = "sd15-random"
CACHE = Path.home() / ".cache" / "latent-loom" / "bench"
SCALE = 7.5
SIGMA, TIMESTEP = 5.0, 700.0
Side = Callable[[], torch.Tensor]


def make_model(folder: Path) -> Path:
    """Writes SD 1.5's parts with random weights unless they are there; returns the folder."""
    if (folder / "scheduler").is_dir():  # written last
        return folder
    tokenizer: Any = tiny_tokenizer()  # its ids are annotated as what they may be
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        UNet2DConditionModel(
            sample_size=64, cross_attention_dim=768, attention_head_dim=8
        ).save_pretrained(folder / "unet")
        AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4, scaling_factor=0.18215,
        ).save_pretrained(folder / "vae")
        CLIPTextModel(CLIPTextConfig(
            vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
            num_attention_heads=12, projection_dim=768, bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )).save_pretrained(folder / "text_encoder")
    finally:
        torch.set_default_dtype(before)
    tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "model_index.json").write_text(
        '{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",'
        '"scheduler": ["diffusers", "DDIMScheduler"], "vae": ["diffusers", "AutoencoderKL"],'
        '"text_encoder": ["transformers", "CLIPTextModel"],'
        '"tokenizer": ["transformers", "CLIPTokenizer"],'
        '"unet": ["diffusers", "UNet2DConditionModel"]}'
    )
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
        set_alpha_to_one=False, clip_sample=False,
    ).save_pretrained(folder / "scheduler")
    return folder


def ours(root: Path, x: torch.Tensor, texts: list[str]) -> Side:
    """A guided step by our denoiser: x0."""
    info = Catalog([root]).checkpoint(NAME)
    model = load_checkpoint(info, Target(torch.device("cpu"), torch.bfloat16))
    negative, positive = (model.text.encode([text]) for text in texts)
    denoiser = cfg(
        model.unet.denoiser([negative, positive]), model.unet.denoiser([positive]), SCALE
    )
    level = Level(torch.tensor([SIGMA]), torch.tensor([TIMESTEP]), SIGMA)
    return lambda: denoiser(x, level)


def theirs(root: Path, x: torch.Tensor, texts: list[str], dtype: torch.dtype) -> Side:
    """The same by diffusers' UNet as its pipeline calls it."""
    folder = root / "checkpoints" / NAME
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=dtype).eval()
    text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=dtype).eval()
    ids = tiny_tokenizer()(texts, padding="max_length", max_length=77, return_tensors="pt")
    with torch.no_grad():
        context = text(ids.input_ids)[0]
    scaled = (x / (SIGMA**2 + 1) ** 0.5).to(dtype)

    def step() -> torch.Tensor:
        noise = unet(torch.cat([scaled, scaled]), TIMESTEP, encoder_hidden_states=context)[0]
        unguided, guided = noise.float().chunk(2)
        return x - SIGMA * (unguided + SCALE * (guided - unguided))

    return step


def seconds(sides: dict[str, Side], runs: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each side, run in turn, the first round not counted."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for round_number in range(runs + 1):
        for name, side in sides.items():
            started = clock()
            side()
            if round_number:
                taken[name].append(clock() - started)
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="px")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--float32", action="store_true", help="diffusers' default precision too")
    parser.add_argument("--cache", type=Path, default=CACHE)
    args = parser.parse_args()
    make_model(args.cache / "checkpoints" / NAME)
    side = args.side // 8
    x = torch.randn(1, 4, side, side, generator=torch.Generator().manual_seed(1)) * SIGMA
    texts = ["", "a red house under a blue sky"]
    with torch.no_grad():
        sides = {
            "ours, bfloat16": ours(args.cache, x, texts),
            "diffusers, bfloat16": theirs(args.cache, x, texts, torch.bfloat16),
        }
        if args.float32:
            sides["diffusers, float32"] = theirs(args.cache, x, texts, torch.float32)
        results = {name: step() for name, step in sides.items()}
        clock = time.perf_counter if args.clock == "wall" else time.process_time
        medians = seconds(sides, args.runs, clock)
    mine = results["ours, bfloat16"]
    rows = [
        [name, f"{medians[name]:.2f}", f"{medians['ours, bfloat16'] / medians[name]:.2f}",
         f"{float((results[name] - mine).abs().mean() / mine.std()):.4f}"]
        for name in sides
    ]
    print(markdown(
        f"A guided step of SD 1.5, {args.side}x{args.side} px, {args.clock} time, {machine()}",
        ["", "s / step", "ours : it", "mean difference from ours / deviation"], rows,
    ))


if __name__ == "__main__":
    main()

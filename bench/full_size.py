"""One guided step of SD 1.5 or SDXL at full size, random weights: ours against diffusers.

    python -m bench.full_size --runs 3
    python -m bench.full_size --family sdxl --runs 0

The model is made once, in bfloat16, under --cache (2 GB and 7 GB). Times are medians of alternating
runs, or one call with --runs 0; with --apart, which SDXL needs, each side runs in a process of its
own, one after the other, and its peak of memory is told. On a machine that other work shares,
`--clock cpu` with one thread (OMP_NUM_THREADS=1) counts the seconds that the process had, which
the others do not change.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import DTYPES, Target
from backend.sampling.guidance import cfg
from backend.sampling.types import Level
from bench.table import machine, markdown
from tests.tiny import tiny_tokenizer

CACHE = Path.home() / ".cache" / "latent-loom" / "bench"
SCALE = 7.5
SIGMA, TIMESTEP = 5.0, 700.0
TEXTS = ("", "a red house under a blue sky")
Side = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Family:
    """A kind of checkpoint as it was published.

    Attributes:
        title: For tables.
        side: Native side, px.
        unet: Config of its UNet.
        texts: Configs of its text encoders, by part.
        scaling: Of its autoencoder.
        pipeline: Its class in diffusers.
    """

    title: str
    side: int
    unet: dict[str, Any]
    texts: dict[str, dict[str, Any]]
    scaling: float
    pipeline: type[Any]
    index: dict[str, Any] = field(default_factory=dict[str, Any])


CLIP_L = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
}
BIG_G = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
RELEASES = {
    "sd15": Family(
        "SD 1.5", 512,
        {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
        {"text_encoder": CLIP_L}, 0.18215, StableDiffusionPipeline,
    ),
    "sdxl": Family(
        "SDXL", 1024,
        {"sample_size": 128, "cross_attention_dim": 2048, "attention_head_dim": (5, 10, 20),
         "block_out_channels": (320, 640, 1280), "transformer_layers_per_block": (1, 2, 10),
         "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
         "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
         "use_linear_projection": True, "addition_embed_type": "text_time",
         "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816},
        {"text_encoder": CLIP_L, "text_encoder_2": BIG_G}, 0.13025, StableDiffusionXLPipeline,
        {"force_zeros_for_empty_prompt": False},
    ),
}  # fmt: skip


def make_model(family: Family, folder: Path, seed: int = 0) -> Path:
    """Writes the family's parts with random weights unless they are there; returns the folder."""
    if (folder / "scheduler").is_dir():  # written last
        return folder
    tokenizer: Any = tiny_tokenizer()  # its ids are annotated as what they may be
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    index: dict[str, Any] = {
        "_class_name": family.pipeline.__name__,
        "_diffusers_version": "0.42.1",
        **family.index,
        "scheduler": ["diffusers", "DDIMScheduler"],
        "vae": ["diffusers", "AutoencoderKL"],
        "unet": ["diffusers", "UNet2DConditionModel"],
    }
    try:
        UNet2DConditionModel(**family.unet).save_pretrained(folder / "unet")
        AutoencoderKL(
            sample_size=family.side, scaling_factor=family.scaling, **VAE
        ).save_pretrained(folder / "vae")
        for part, config in family.texts.items():
            kind = CLIPTextModelWithProjection if part.endswith("_2") else CLIPTextModel
            kind(
                CLIPTextConfig(
                    vocab_size=49408,
                    bos_token_id=tokenizer.bos_token_id,
                    eos_token_id=tokenizer.eos_token_id,
                    pad_token_id=tokenizer.pad_token_id,
                    **config,
                )
            ).save_pretrained(folder / part)
            words = part.replace("text_encoder", "tokenizer")
            tokenizer.save_pretrained(folder / words)
            index |= {
                part: ["transformers", kind.__name__],
                words: ["transformers", "CLIPTokenizer"],
            }
    finally:
        torch.set_default_dtype(before)
    (folder / "model_index.json").write_text(json.dumps(index))
    DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        set_alpha_to_one=False,
        clip_sample=False,
    ).save_pretrained(folder / "scheduler")
    return folder


def ours(root: Path, name: str, x: torch.Tensor, dtype: torch.dtype) -> Side:
    """A guided step by our denoiser: x0."""
    info = Catalog([root], FAMILIES).checkpoint(name)
    model = FAMILIES.load(info, Target(torch.device("cpu"), dtype))
    negative, positive = (model.text.encode([text]) for text in TEXTS)
    denoiser = cfg(
        model.network.denoiser([negative, positive]), model.network.denoiser([positive]), SCALE
    )
    level = Level.like(x, SIGMA, TIMESTEP)
    return lambda: denoiser(x, level)


def theirs(root: Path, name: str, x: torch.Tensor, dtype: torch.dtype, family: Family) -> Side:
    """The same by diffusers' UNet as its pipeline calls it."""
    pipe = family.pipeline.from_pretrained(
        root / "checkpoints" / name,
        torch_dtype=dtype,
        local_files_only=True,
        **({} if "text_encoder_2" in family.texts else {"safety_checker": None}),
    )
    found = pipe.encode_prompt(
        prompt=TEXTS[1],
        negative_prompt=TEXTS[0],
        device="cpu",
        num_images_per_prompt=1,
        do_classifier_free_guidance=True,
    )
    context, added = torch.cat([found[1], found[0]]), None
    if len(found) == 4:
        side = 8 * x.shape[-1]
        ids = torch.tensor([[side, side, 0, 0, side, side]] * 2, dtype=dtype)
        added = {"text_embeds": torch.cat([found[3], found[2]]), "time_ids": ids}
    scaled = (x / (SIGMA**2 + 1) ** 0.5).to(dtype)

    def step() -> torch.Tensor:
        noise = pipe.unet(
            torch.cat([scaled, scaled]),
            TIMESTEP,
            encoder_hidden_states=context,
            added_cond_kwargs=added,
        )[0]
        unguided, guided = noise.float().chunk(2)
        return x - SIGMA * (unguided + SCALE * (guided - unguided))

    return step


def measured(
    sides: dict[str, Side], runs: int, clock: Callable[[], float]
) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """x0 and median seconds of each side, run in turn.

    The first round is not counted, unless it is the only one (`runs` 0).
    """
    made: dict[str, torch.Tensor] = {}
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for round_number in range(runs + 1):
        for name, side in sides.items():
            started = clock()
            made[name] = side()
            if round_number or not runs:
                taken[name].append(clock() - started)
    return made, {name: statistics.median(values) for name, values in taken.items()}


def alone(command: list[str], name: str) -> tuple[torch.Tensor, float, float]:
    """One side in a process of its own: its x0, seconds and peak of memory in GiB."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "side.pt"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "bench.full_size",
                *command,
                "--only",
                name,
                "--into",
                str(into),
            ],
            check=True,
        )
        held: dict[str, Any] = torch.load(into)
        return held["x0"], held["seconds"], held["peak_gib"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", choices=tuple(RELEASES), default="sd15")
    parser.add_argument("--side", type=int, help="px; the family's own without")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument(
        "--against",
        choices=("bfloat16", "float32"),
        nargs="*",
        default=[],
        help="diffusers in these precisions too",
    )
    parser.add_argument("--apart", action="store_true", help="each side in its own process")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    family, name = RELEASES[args.family], f"{args.family}-random"
    make_model(family, args.cache / "checkpoints" / name)
    side = (args.side or family.side) // 8
    x = torch.randn(1, 4, side, side, generator=torch.Generator().manual_seed(1)) * SIGMA
    clock = time.perf_counter if args.clock == "wall" else time.process_time
    dtype = DTYPES[args.dtype]
    mine = f"ours, {args.dtype}"
    makers: dict[str, Callable[[], Side]] = {
        mine: lambda: ours(args.cache, name, x, dtype),
    }
    for other in dict.fromkeys((args.dtype, *args.against)):
        makers[f"diffusers, {other}"] = partial(theirs, args.cache, name, x, DTYPES[other], family)
    results: dict[str, torch.Tensor] = {}
    medians: dict[str, float] = {}
    peaks: dict[str, float] = {}
    with torch.no_grad():
        if args.only:
            step = makers[args.only]()
            gc.collect()
            results, medians = measured({args.only: step}, args.runs, clock)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            torch.save(
                {"x0": results[args.only], "seconds": medians[args.only], "peak_gib": peak},
                args.into,
            )
            return
        if args.apart or args.family == "sdxl":
            for one in makers:
                results[one], medians[one], peaks[one] = alone(sys.argv[1:], one)
        else:
            sides = {one: make() for one, make in makers.items()}
            results, medians = measured(sides, args.runs, clock)
    rows = [
        [
            one,
            f"{medians[one]:.2f}",
            f"{medians[mine] / medians[one]:.2f}",
            f"{float((results[one] - results[mine]).abs().mean() / results[mine].std()):.4f}",
            f"{peaks[one]:.1f}" if peaks else "-",
        ]
        for one in makers
    ]
    print(
        markdown(
            f"A guided step of {family.title}, {8 * side}x{8 * side} px, {args.clock} time, "
            f"{machine()}",
            [
                "",
                "s / step",
                "ours : it",
                "mean difference from ours / deviation",
                "peak of the process, GiB",
            ],
            rows,
        )
    )


if __name__ == "__main__":
    main()

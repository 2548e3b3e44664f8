"""Cost of a LoRA mix in a guided UNet call: merged, beside the weights, and diffusers' adapters.

Run as `python -m bench.lora`. Random weights; speed does not depend on them.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import statistics
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders import StableDiffusionLoraLoaderMixin

from backend.models.lora.file import LoraFile, read
from backend.models.lora.mix import LoraMixer
from backend.models.memory.devices import pick
from backend.models.patches import PatchStack
from bench.table import Pair, alternate, machine, markdown, timed
from tests import lora_files as files

ROOT = Path(__file__).resolve().parent.parent
SIZES: dict[str, dict[str, object]] = {
    "pocket": json.loads((ROOT / "models/checkpoints/pocket/unet/config.json").read_text()),
    "sd15": {
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
        "sample_size": 64,
    },
}
WEIGHTS = (0.8, -0.3, 0.5)


def make_loras(unet: UNet2DConditionModel, folder: Path, rank: int) -> list[LoraFile]:
    """Three LoRAs on every attention."""
    return [
        read(
            files.write(
                folder / f"lora{seed}.safetensors",
                files.diffusers_keys(
                    files.random_factors({"unet": unet}, files.ATTENTION, seed=seed, rank=rank)
                ),
            )
        )
        for seed in range(3)
    ]


def with_adapters(unet: UNet2DConditionModel, loras: list[LoraFile]) -> UNet2DConditionModel:
    """A copy of the UNet with the same LoRAs as diffusers keeps them, unmerged."""
    twin = copy.deepcopy(unet)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for lora in loras:
            state, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(
                lora.info.path.parent, weight_name=lora.info.path.name
            )
            StableDiffusionLoraLoaderMixin.load_lora_into_unet(
                state, network_alphas=alphas, unet=twin, adapter_name=lora.name
            )
        twin.set_adapters([lora.name for lora in loras], list(WEIGHTS))
    return twin


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="pocket")
    parser.add_argument("--dtype", choices=("bfloat16", "float16", "float32"), default="bfloat16")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    dtype = getattr(torch, options.dtype)
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_config(SIZES[options.size]).eval().requires_grad_(False)
    channels, side = int(unet.config.in_channels), int(unet.config.sample_size)
    width = int(unet.config.cross_attention_dim)
    layout = pick(options.device, options.dtype).memory_format
    with tempfile.TemporaryDirectory() as folder:
        loras = make_loras(unet, Path(folder), options.rank)
        unet.to(options.device, dtype).to(memory_format=layout)
        twin = with_adapters(unet, loras)
    plain = copy.deepcopy(unet)
    x = torch.randn(2, channels, side, side, device=options.device, dtype=dtype)
    context = torch.randn(2, 77, width, device=options.device, dtype=dtype)

    def step(model: UNet2DConditionModel) -> Callable[[], torch.Tensor]:
        @torch.no_grad()
        def call() -> torch.Tensor:
            return model(x, 500, encoder_hidden_states=context, return_dict=False)[0]

        return call

    mix = list(zip(loras, WEIGHTS, strict=True))
    rows: list[list[str]] = []

    def row(name: str, model: UNet2DConditionModel, bar: str) -> torch.Tensor:
        pair: Pair = alternate(step(model), step(plain), runs=options.runs, warm_up=2)
        # Both sides of a pair share the machine's mood, so the median of ratios is steadier.
        paired = statistics.median(a / b for a, b in zip(pair.ours_s, pair.theirs_s, strict=True))
        rows.append([name, f"{pair.ratio:.3f}", f"{paired:.3f}", bar])
        return step(model)().float()

    row("no LoRA (the noise of this measure)", unet, "1.00")
    with LoraMixer({"unet": unet}, PatchStack(), tolerance=float("inf")).applied(mix):
        merged = row("3 LoRAs merged", unet, "1.02")
    with LoraMixer({"unet": unet}, PatchStack(), tolerance=-1.0).applied(mix):
        beside = row("3 LoRAs on the low-rank path", unet, "1.10")
    with LoraMixer({"unet": unet}, PatchStack()).applied(mix) as active:
        active.per_sample(torch.tensor([WEIGHTS]))
        row("3 LoRAs, a mix for each sample", unet, "")
    theirs = row("3 LoRAs, diffusers' unmerged adapters", twin, "")
    with contextlib.ExitStack() as stack:
        enter = timed(
            lambda: stack.enter_context(LoraMixer({"unet": unet}, PatchStack()).applied(mix))
        )
    with LoraMixer({"unet": unet}, PatchStack()).applied(mix) as active:
        moves = [
            timed(lambda s=s: active.remix([(loras[0], s), *mix[1:]])) for s in (0.1, 0.2, 0.3)
        ]
    call_s = statistics.median(timed(step(plain)) for _ in range(5))
    rows.append(["putting the mix in", f"{enter / call_s:.2f} calls", "", ""])
    rows.append(["moving one slider", f"{statistics.median(moves) / call_s:.2f} calls", "", ""])
    print(machine())
    print(
        markdown(
            f"LoRA: {options.size}, {options.dtype}, rank {options.rank}, a guided UNet call",
            ["", "of medians", "median of pairs", "bar"],
            rows,
        )
    )
    size = theirs.abs().max()
    print(
        f"against diffusers: merged {(merged - theirs).abs().max() / size:.4f}, "
        f"beside {(beside - theirs).abs().max() / size:.4f} of the largest value"
    )


if __name__ == "__main__":
    main()

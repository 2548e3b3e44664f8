"""The ControlNet for edges (2302.05543): a copy of the UNet's first half learns to follow Canny.

The base stays frozen. Steps are decided by (seed, step) alone, so a resumed run is equal.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ControlNetModel, DDIMScheduler
from numpy.typing import NDArray
from torch import Tensor, nn

from backend.control.canny import Canny
from toyworld.captions import caption
from toyworld.checkpoint import Clock, load_state
from toyworld.dataset import Pool
from toyworld.diffusion import Master, Trainer, draw_timesteps, encode_pool
from toyworld.folder import half_precision, version_of, world_of, write_json
from toyworld.precision import training_dtype
from toyworld.sampling import SCHEDULER_CONFIG, Parts, load_parts
from toyworld.swift import hasten
from toyworld.text import tokenize
from toyworld.world import FIRST, World

CAPTION_DROPOUT = 0.25  # more than the base: the edges alone must say something too
THRESHOLDS = (100, 200)  # the studio's defaults, around which training varies
EDGE_FOCUS = 4.0
MAX_BYTES = 20_000_000


@dataclass(frozen=True)
class EdgeLesson:
    """Renders with their latents, and how many a step."""

    pool: Pool
    latents: np.ndarray
    """(count, 4, side, side) in the UNet's scale, of the same places as the pool."""
    batch: int


HINT_WIDTHS = (16, 16, 32, 96, 256)
"""Narrow where the edges are large: with 16, 32, 64, 128, 256 they cost 26 ms of an example's 40
forwards and back at 256 px, twice as much as the network that they are for."""

SILU_GAIN = 1.68
"""1 / root of the mean square of SiLU over a standard normal."""


def new_controlnet(parts: Parts) -> ControlNetModel:
    """A ControlNet that begins as a copy of the UNet and adds nothing yet.

    Its outputs begin at nought, so what reads the edges need not. As diffusers begins it, what
    tells two pictures' edges apart has a deviation of 0.08 behind the first layer, 0.000004 behind
    the ninth and nought behind the last: 1,200 steps of 16 pictures left the network blind. Here
    every layer hands on what it is given, and 100 steps of 8 see.
    """
    # Each width after the first halves the edges once more, as the autoencoder does a picture.
    widths = HINT_WIDTHS[: len(parts.vae.config["block_out_channels"])]
    net = ControlNetModel.from_unet(parts.unet.float(), conditioning_embedding_out_channels=widths)
    for layer in net.controlnet_cond_embedding.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=SILU_GAIN / layer.weight[0].numel() ** 0.5)
            nn.init.zeros_(layer.bias)
    return net


def edges_of(renders: NDArray[np.uint8], rng: np.random.Generator | None = None) -> Tensor:
    """(B, 3, H, W) float32 edges in 0..1 of (B, H, W, 3) pictures.

    Args:
        renders: The pictures.
        rng: Draws thresholds of 0.5 to 1.5 times the defaults for each picture; none, the
            defaults themselves.
    """
    low, high = THRESHOLDS
    controls: list[NDArray[np.uint8]] = []
    for render in renders:
        factor = 1.0 if rng is None else float(rng.uniform(0.5, 1.5))
        controls.append(Canny(int(low * factor), min(int(high * factor), 255))(np.array(render)))
    return torch.from_numpy(np.stack(controls)).permute(0, 3, 1, 2).float() / 255.0


class ControlTrainer(Trainer):
    """Trains a ControlNet under a frozen base with the base's own loop.

    Args:
        parts: The base, float32 or half precision.
        state_path: Where the state is kept.
        seed: Of every random choice.
        device: Where to compute.
        dtype: Precision of the passes, None for the fastest; weights and averages are float32.
        peak: Learning rate of the optimiser's first step.
        start: A ControlNet of an earlier training to go on from; None, a copy of the UNet.
        compiled: Compile both passes, which takes minutes and a C++ compiler, for faster steps.
    """

    def __init__(
        self, parts: Parts, state_path: Path, seed: int = 0, device: str = "cpu",
        dtype: torch.dtype | None = None, peak: float = 5e-4, start: Path | None = None,
        compiled: bool = False,
    ) -> None:  # fmt: skip
        dtype = dtype or training_dtype(device)
        # On a processor contiguous, and attention as it is quick for few cells; else as usual.
        quick = device == "cpu"
        layout = {"memory_format": torch.contiguous_format if quick else torch.channels_last}
        self.tokenizer = parts.tokenizer
        self.state_path = state_path
        self.seed = seed
        self.step = 0
        model = new_controlnet(parts) if start is None else ControlNetModel.from_pretrained(
            start, use_safetensors=True, torch_dtype=torch.float32
        )  # fmt: skip
        self.controlnet = model.to(device).to(**layout)
        self.unet = parts.unet.to(device, dtype).to(**layout).eval().requires_grad_(False)
        self.text = parts.text_encoder.to(device, dtype).eval().requires_grad_(False)
        self._master = Master((self.controlnet,), peak)
        self.controlnet = self.controlnet.to(dtype).to(**layout).train()
        if quick:
            hasten(self.unet)
            hasten(self.controlnet)
            self.text.set_attn_implementation("eager")
        if compiled:
            self.controlnet.compile()
            self.unet.compile()
        self._alphas = DDIMScheduler.from_config(SCHEDULER_CONFIG).alphas_cumprod.to(device)
        state = load_state(state_path)
        if state is not None:
            self._restore(state)
        self.spent_s: dict[str, float] = {} if state is None else state["spent_s"]
        self.stage_steps: dict[str, int] = {} if state is None else state["stage_steps"]

    def loss(self, lesson: EdgeLesson) -> Tensor:  # type: ignore[override]
        """Mean squared error of v over one batch, most of its time steps where shapes form.

        A latent cell with an edge in it counts `EDGE_FOCUS` times: the rest has little to learn
        from edges, and its error is noise in the gradient.
        """
        rng = np.random.default_rng((self.seed, 1, self.step))
        chosen = np.sort(rng.choice(len(lesson.latents), size=lesson.batch, replace=False))
        texts = [
            "" if rng.random() < CAPTION_DROPOUT
            else caption(lesson.pool.scene(int(i)), rng)
            for i in chosen
        ]  # fmt: skip
        device, dtype = self.unet.device, self.unet.dtype
        edges = edges_of(lesson.pool.pixels[chosen], rng).to(device, dtype)
        x0 = torch.from_numpy(lesson.latents[chosen]).float().to(device)
        noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32)).to(device)
        places = torch.from_numpy(rng.permutation(lesson.batch))
        t = draw_timesteps(rng, lesson.batch)[places].to(device)
        signal = self._alphas[t][:, None, None, None]
        x = (signal.sqrt() * x0 + (1 - signal).sqrt() * noise).to(dtype)
        v = signal.sqrt() * noise - (1 - signal).sqrt() * x0
        with torch.no_grad():
            ids = torch.from_numpy(tokenize(self.tokenizer, texts)).to(device)
            context = self.text(ids).last_hidden_state
        down, mid = self.controlnet(
            x, t, encoder_hidden_states=context, controlnet_cond=edges, return_dict=False
        )
        made = self.unet(
            x, t, encoder_hidden_states=context, down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
        ).sample  # fmt: skip
        error = (made.float() - v).square().mean(dim=1, keepdim=True)
        has_edge = F.adaptive_max_pool2d(edges[:, :1].float(), error.shape[2:])
        weights = 1.0 + (EDGE_FOCUS - 1.0) * has_edge
        return (weights * error).sum() / weights.sum()

    def averaged_controlnet(self) -> ControlNetModel:
        """A float32 copy that carries the averaged weights."""
        config = dict(self.controlnet.config)
        config.pop("_name_or_path", None)  # where it was trained on from is nobody's business
        model = ControlNetModel.from_config(config)
        with torch.no_grad():
            for weight, average in zip(model.parameters(), self._master.average, strict=True):
                weight.copy_(average)
        return model.eval()


def write_controlnet(
    folder: Path, model: ControlNetModel, table: str = "", world: World = FIRST
) -> None:
    """Write the folder beside its place in half precision, then swap it in.

    Raises:
        RuntimeError: It is larger than 20 MB.
    """
    aside = folder.with_name(folder.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    half_precision(model).save_pretrained(aside, safe_serialization=True)
    size = sum(path.stat().st_size for path in aside.iterdir())
    if size > MAX_BYTES:
        raise RuntimeError(f"The ControlNet takes {size / 1e6:.1f} MB; 20 MB is the limit.")
    card = {"name": "Pocket's edges", "native_size": [256, 256], "base_version": version_of(world)}
    write_json(aside / "card.json", card)
    (aside / "README.md").write_text(readme(table, world))
    old = folder.with_name(folder.name + ".old")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def readme(table: str, world: World = FIRST) -> str:
    """The model card."""
    maker = "train --controlnet" if world is FIRST else "pocket controlnet"
    return f"""---
license: apache-2.0
library_name: diffusers
---

# Pocket's edges

A ControlNet for Pocket that draws on Canny edges (thresholds 100 / 200, white on black), trained
on the drawn scenes of `toyworld/` alone. Made by `python -m toyworld.{maker}`,
measured by `python -m toyworld.score --controlnet`.

## Score

{table or "Not measured yet."}
"""


def control_stage(
    base: Path, out: Path, work: Path, small: Callable[[], Pool], large: Callable[[], Pool],
    minutes: float, large_share: float, seed: int, device: str, report: Callable[[str], None],
    batches: tuple[int, int] = (32, 8), start: Path | None = None,
    compiled: bool = False, steps: int | None = None, dtype: torch.dtype | None = None,
    between: Callable[[], None] | None = None,
) -> None:  # fmt: skip
    """Train on 128-px renders, then on 256-px ones, and write the folder.

    Args:
        base: Folder of the base model.
        out: Folder to write, e.g. models/controlnet/pocket-canny.
        work: Holds the state ("controlnet.pt") and the latents.
        small: Opens the 128-px pool.
        large: Opens the 256-px pool.
        minutes: Budget of both parts, spent minutes of earlier runs included.
        large_share: Share of it at 256 px.
        seed: Of every random choice.
        device: Where to compute.
        report: Takes lines of progress.
        batches: Pictures a step at 128 and at 256 px.
        start: Folder of a ControlNet to go on from where there is no state yet.
        compiled: Compile the passes.
        steps: Budget of both parts in steps, instead of minutes: pauses cost nothing.
        dtype: Precision of the passes, None for the device's own.
        between: Called before each step; may wait.
    """
    parts, world = load_parts(base, device, torch.float32), world_of(base)
    trainer = ControlTrainer(
        parts, work / "controlnet.pt", seed, device, dtype, start=start, compiled=compiled
    )
    scale = float(parts.vae.config["scaling_factor"])
    plan = (
        (128, small, 1 - large_share, batches[0], 5e-4, 2e-4),
        (256, large, large_share, batches[1], 5e-4, 1e-5),
    )
    for size_px, pool_of, share, batch, peak, floor in plan:
        if share <= 0:
            continue
        clock = (Clock(minutes=minutes * share) if steps is None
                 else Clock(steps=round(steps * share)))  # fmt: skip
        pool = pool_of()
        path = work / f"control-latents-{size_px}px-{len(pool.pixels)}.npy"
        latents = encode_pool(parts.vae, pool, path).astype(np.float32) * scale
        trainer.run(
            f"control {size_px}px", EdgeLesson(pool, latents, batch),  # type: ignore[arg-type]
            clock, peak, floor, report,
            lambda: write_controlnet(out, trainer.averaged_controlnet(), world=world),
            between=between,
        )  # fmt: skip
    write_controlnet(out, trainer.averaged_controlnet(), world=world)
    report(f"wrote {out}")

"""The autoencoder: 8x smaller latents of 4 channels, learned on crops of renders.

On whole scenes a small autoencoder stays blurry and colour-blind for long; crops of 64 px teach it
edges first. The picture model learns at 128 px before 256 px, so crops of both renders are mixed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor

from toyworld.checkpoint import Clock, learning_rate, load_state, save_state, set_learning_rate
from toyworld.dataset import Pool, random_crops, to_tensor
from toyworld.precision import swift_precision

BATCH = 32
CROP_PX = 64
SMALL_SHARE = 0.3
"""Share of crops from the 128-px renders."""
COLOUR_STEPS = 400
"""Steps over which the pull of the latents towards plain colours fades out."""


def new_autoencoder(channels: tuple[int, ...] = (16, 32, 64, 96)) -> AutoencoderKL:
    """An untrained autoencoder whose posterior starts narrow (log-variance -6)."""
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=256,
    )
    with torch.no_grad():
        vae.quant_conv.bias[4:].fill_(-6.0)
        vae.quant_conv.weight[4:].mul_(0.1)
    return vae.to(memory_format=torch.channels_last)


def reconstruction_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """L1 + 0.5 L1 of the horizontal and vertical differences + MSE; (B, 3, H, W) both."""
    error = made - wanted
    slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + 0.5 * slopes + error.square().mean()


def colour_loss(mean: Tensor, pictures: Tensor) -> Tensor:
    """How far three latent channels are from the picture's colours, averaged over each cell.

    Without this early pull a small autoencoder spends long on brightness before it sees hues.

    Args:
        mean: (B, channels, H / factor, W / factor) posterior means.
        pictures: (B, 3, H, W) in -1..1.
    """
    return F.mse_loss(
        mean[:, :3] / 3.0, F.avg_pool2d(pictures, pictures.shape[-1] // mean.shape[-1])
    )


def psnr_db(vae: AutoencoderKL, pixels: np.ndarray, batch: int = 8) -> float:
    """Mean peak signal-to-noise ratio of reconstructed pictures, (B, H, W, 3) uint8."""
    values: list[float] = []
    with torch.no_grad():
        for start in range(0, len(pixels), batch):
            x = to_tensor(pixels[start : start + batch]).to(vae.device, vae.dtype)
            made = vae.decode(vae.encode(x).latent_dist.mode()).sample.clamp(-1, 1)
            error = ((made.float() - x.float()) / 2).square().mean(dim=(1, 2, 3))
            values += (-10 * error.log10()).tolist()
    return float(np.mean(values))


def train_autoencoder(
    vae: AutoencoderKL,
    large: Pool,
    small: Pool,
    clock: Clock,
    state_path: Path,
    seed: int = 0,
    peak: float = 2e-3,
    floor: float = 2e-4,
    decoder_only: bool = False,
    batch: int = BATCH,
    device: str = "cpu",
    compiled: bool = False,
    report: Callable[[str], None] = print,
    between: Callable[[], object] = lambda: None,
) -> None:
    """Train in place until the clock's budget is used, going on from `state_path` where it exists.

    Args:
        vae: the autoencoder; with `decoder_only` its encoder stays as it is, so latents stay valid.
        large: 256-px renders.
        small: 128-px renders.
        clock: budget of steps or minutes.
        state_path: checkpoint, written every two minutes and at the end.
        seed: decides the crops of every step.
        between: called before each step; what it takes is none of the budget's.
        compiled: fuse its operations first (a minute with a C++ compiler; a third off each step).
    """
    vae.to(device).train()
    for module in (vae.encoder, vae.quant_conv):
        module.requires_grad_(not decoder_only)
    weights = [p for p in vae.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=peak, betas=(0.9, 0.99), weight_decay=1e-4)
    state = load_state(state_path)
    if state is not None:
        vae.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        clock.step, clock.spent_s = state["step"], state["spent_s"]

    def save() -> None:
        save_state(state_path, model=vae.state_dict(), optimizer=optimizer.state_dict(),
                   step=clock.step, spent_s=clock.elapsed_s())  # fmt: skip

    def through(pictures: Tensor) -> tuple[DiagonalGaussianDistribution, Tensor]:
        posterior = vae.encode(pictures).latent_dist
        latents = posterior.mode() if decoder_only else posterior.sample()
        return posterior, vae.decode(latents).sample

    run = torch.compile(through) if compiled else through
    saved = time.monotonic()
    while clock.progress() < 1.0:
        held = time.monotonic()
        between()
        clock.spent_s -= time.monotonic() - held
        rng = np.random.default_rng((seed, clock.step))
        fewer = round(SMALL_SHARE * batch)
        crops = (
            random_crops(large, rng, batch - fewer, CROP_PX),
            random_crops(small, rng, fewer, CROP_PX),
        )
        x = torch.cat(crops).to(device, memory_format=torch.channels_last)
        torch.manual_seed(seed * 1_000_003 + clock.step)
        set_learning_rate(optimizer, learning_rate(clock, peak, floor, 50))
        with swift_precision(device):
            posterior, made = run(x)
        loss = reconstruction_loss(made.float(), x)
        if not decoder_only:
            mean, logvar = posterior.mean.float(), posterior.logvar.float()
            pull = max(0.0, 1.0 - clock.step / COLOUR_STEPS)
            if pull > 0:
                loss = loss + pull * colour_loss(mean, x)
            loss = loss + 0.5e-5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        clock.step += 1
        if clock.step % 50 == 0:
            level = F.mse_loss(made.float().clamp(-1, 1) / 2, x / 2).clamp_min(1e-12)
            report(
                f"autoencoder step {clock.step} {clock.elapsed_s():.0f} s "
                f"loss {loss.item():.4f} crop psnr {-10 * level.log10().item():.2f} dB"
            )
        if time.monotonic() - saved > 120:
            save()
            saved = time.monotonic()
    save()
    vae.eval()

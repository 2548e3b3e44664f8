"""Pictures from a diffusers folder, for contact sheets and scores: a batched loop of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    UNet2DConditionModel,
)
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from toyworld.dataset import to_tensor
from toyworld.text import tokenize

SCHEDULER_CONFIG = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "trained_betas": None,
    "clip_sample": False,
    "clip_sample_range": 1.0,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "prediction_type": "v_prediction",
    "thresholding": False,
    "dynamic_thresholding_ratio": 0.995,
    "sample_max_value": 1.0,
    "timestep_spacing": "leading",
    "rescale_betas_zero_snr": False,
}
"""The noise schedule that the model is trained for (Stable Diffusion's, with v prediction)."""


@dataclass(frozen=True)
class Parts:
    """The loaded parts of a text-to-picture model."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL

    @property
    def factor(self) -> int:
        """Pixels of a picture's side to one latent cell."""
        return 2 ** (len(self.vae.config["block_out_channels"]) - 1)

    def embed(self, texts: list[str]) -> Tensor:
        """(B, 77, width) text embeddings."""
        ids = torch.from_numpy(tokenize(self.tokenizer, texts)).to(self.text_encoder.device)
        return self.text_encoder(ids).last_hidden_state


def load_parts(folder: Path, device: str = "cpu", dtype: torch.dtype = torch.bfloat16) -> Parts:
    """Load a diffusers folder for sampling."""
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", use_safetensors=True)
    vae = AutoencoderKL.from_pretrained(folder / "vae", use_safetensors=True)
    text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=dtype)
    layout = {"memory_format": torch.channels_last}
    return Parts(
        CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        text.to(device).eval(),
        unet.to(device, dtype).to(**layout).eval(),
        vae.to(device, dtype).to(**layout).eval(),
    )


class Rule(Protocol):
    """One step's update; what diffusers' schedulers and `SigmaHat` share."""

    timesteps: Tensor

    def start(self, noise: Tensor) -> Tensor:
        """Scale unit noise to the first step's input."""
        ...

    def step(self, v: Tensor, t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
        """The next x from the predicted v."""
        ...


class DpmKarras:
    """DPM-Solver++ 2M over Karras' sigmas: the product's default."""

    def __init__(self, steps: int) -> None:
        self._scheduler = DPMSolverMultistepScheduler.from_config(
            SCHEDULER_CONFIG, use_karras_sigmas=True
        )
        self._scheduler.set_timesteps(steps)
        self.timesteps = self._scheduler.timesteps

    def start(self, noise: Tensor) -> Tensor:
        return noise * self._scheduler.init_noise_sigma

    def step(self, v: Tensor, t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
        return self._scheduler.step(v, t, x).prev_sample


class Ddim:
    """DDIM with any eta, and the larger variance "sigma hat" (2010.02502, section 5 and D.3)."""

    def __init__(self, steps: int, eta: float, sigma_hat: bool = False) -> None:
        self._scheduler = DDIMScheduler.from_config(SCHEDULER_CONFIG)
        self._scheduler.set_timesteps(steps)
        self.timesteps = self._scheduler.timesteps
        self._eta = eta
        self._sigma_hat = sigma_hat
        self._stride = 1000 // steps

    def start(self, noise: Tensor) -> Tensor:
        return noise

    def step(self, v: Tensor, t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
        table = self._scheduler.alphas_cumprod
        now = table[t]
        earlier = t - self._stride
        then = table[earlier] if earlier >= 0 else self._scheduler.final_alpha_cumprod
        x0 = now.sqrt() * x - (1 - now).sqrt() * v
        eps = now.sqrt() * v + (1 - now).sqrt() * x
        spread = self._eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
        noise_scale = (1 - now / then).sqrt() if self._sigma_hat else spread
        mean = then.sqrt() * x0 + (1 - then - spread**2).clamp_min(0).sqrt() * eps
        if float(noise_scale) == 0.0:
            return mean
        noise = torch.randn(x.shape, generator=generator).to(x.device)
        return mean + noise_scale * noise


@torch.no_grad()
def sample_latents(
    parts: Parts,
    prompts: list[str],
    rule: Rule,
    guidance: float,
    side: int,
    seed: int,
    between: Callable[[], None] | None = None,
) -> Tensor:
    """(B, channels, side, side) float32 latents, scaled; guidance <= 1 runs one pass a step.

    `between` is called before each step.
    """
    generator = torch.Generator().manual_seed(seed)
    device, dtype = parts.unet.device, parts.unet.dtype
    channels = int(parts.vae.config["latent_channels"])
    noise = torch.randn(len(prompts), channels, side, side, generator=generator)
    x = rule.start(noise).to(device)
    guided = guidance > 1.0
    context = parts.embed(prompts)
    if guided:
        context = torch.cat([parts.embed([""]).expand_as(context), context])
    for t in rule.timesteps:
        if between is not None:
            between()
        doubled = torch.cat([x, x]) if guided else x
        doubled = doubled.to(dtype, memory_format=torch.channels_last)
        v = parts.unet(doubled, t, encoder_hidden_states=context).sample.float()
        if guided:
            plain, told = v.chunk(2)
            v = plain + guidance * (told - plain)
        x = rule.step(v, t, x, generator)
    return x


@torch.no_grad()
def decode(parts: Parts, latents: Tensor, batch: int = 16) -> NDArray[np.uint8]:
    """(B, factor side, factor side, 3) uint8 pictures of latents in the UNet's scale."""
    pictures: list[Tensor] = []
    for part in latents.split(batch):
        scaled = (part / parts.vae.config.scaling_factor).to(parts.vae.device, parts.vae.dtype)
        made = parts.vae.decode(scaled.contiguous(memory_format=torch.channels_last)).sample
        pictures.append(((made.float().clamp(-1, 1) + 1) * 127.5).round().byte().cpu())
    return torch.cat(pictures).permute(0, 2, 3, 1).contiguous().numpy()


@torch.no_grad()
def redrawn(parts: Parts, pictures: NDArray[np.uint8], batch: int = 16) -> NDArray[np.uint8]:
    """(B, H, W, 3) pictures as the model's autoencoder gives them back: its best, at that."""
    made: list[NDArray[np.uint8]] = []
    for start in range(0, len(pictures), batch):
        x = to_tensor(pictures[start : start + batch]).to(parts.vae.device, parts.vae.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        latents = parts.vae.encode(x).latent_dist.mean * parts.vae.config.scaling_factor
        made.append(decode(parts, latents.float(), batch))
    return np.concatenate(made)


def generate(
    parts: Parts,
    prompts: list[str],
    guidance: float,
    size_px: int = 256,
    steps: int = 20,
    seed: int = 0,
    batch: int = 16,
    between: Callable[[], None] | None = None,
) -> NDArray[np.uint8]:
    """Pictures at the product's default sampler, (B, size_px, size_px, 3) uint8."""
    made: list[NDArray[np.uint8]] = []
    for start in range(0, len(prompts), batch):
        some = prompts[start : start + batch]
        latents = sample_latents(
            parts, some, DpmKarras(steps), guidance, size_px // parts.factor, seed + start, between
        )
        made.append(decode(parts, latents))
    return np.concatenate(made)

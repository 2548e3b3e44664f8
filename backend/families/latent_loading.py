"""Loading latent diffusion without a prompt: from a catalog entry to a model ready to run."""

from __future__ import annotations

from typing import TypeVar

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vq_model import VQModel
from diffusers.models.unets.unet_2d import UNet2DModel
from torch import nn

from backend.families.folder_loading import load_part
from backend.families.latent import LATENT, VQ
from backend.models.autoencoder.latent_rgb import fit_latent_rgb
from backend.models.autoencoder.vae import Vae
from backend.models.autoencoder.vq import Vq
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.pixel_unet import PixelUnet
from backend.models.enlarger import PlainPicture
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.text.no_prompt import NoPrompt
from backend.sampling.config import SchedulerConfig

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def load(info: ModelInfo, target: Target) -> Checkpoint:
    """Loads it, see `Family.load`."""
    patches = PatchStack()
    config = dict(LATENT.scheduler_config(info))
    unet = load_part(UNet2DModel, info.path, "unet", target)
    larger = info.anatomy.can.enlarges is not None
    scaling = 1.0 if larger else None  # diffusers' super resolution leaves latents as they are
    codec: Vae | Vq
    if read_json(info.path / "vqvae" / "config.json").get("_class_name") == VQ:
        codec = Vq(load_part(VQModel, info.path, "vqvae", target), scaling, patches)
    else:
        codec = Vae(load_part(AutoencoderKL, info.path, "vqvae", target), scaling, patches=patches)
    return Checkpoint(
        info=info,
        target=target,
        scheduler_config=config,
        text=NoPrompt(),
        network=PixelUnet(unet, SchedulerConfig.from_dict(config).prediction_type, patches=patches),
        codec=codec,
        latent_rgb=fit_latent_rgb(codec),
        enlarger=PlainPicture() if larger else None,
        patches=patches,
        bounded=True,
    )

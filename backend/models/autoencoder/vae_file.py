"""Separate autoencoders: files and folders that take the place of a checkpoint's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers.loaders import single_file_utils
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import load_file
from torch import nn

from backend.contracts.errors import BadInput
from backend.models.autoencoder.vae import Vae
from backend.models.catalog.compvis import VAE, vae_config
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.hashes import content_hash
from backend.models.loading import filled, guarded, load_module, ready
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack

KEY = "vae/"  # before precision and name, in the cache; names are path stems, which hold no slash
# Names of the middle attention in diffusers' first files.
_OLD_NAMES = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}


@dataclass(frozen=True, eq=False)
class SeparateVae:
    """An autoencoder in memory.

    Attributes:
        info: Its catalog entry.
        model: In evaluation mode, without gradients.
        patches: What is on it.
    """

    info: ModelInfo
    model: AutoencoderKL
    patches: PatchStack = field(default_factory=PatchStack)

    @property
    def hash(self) -> str:
        """First 10 hex digits of the SHA-256 of its file."""
        return content_hash(self.info)

    @property
    def parts(self) -> dict[str, nn.Module]:
        """Its one module."""
        return {"vae": self.model}

    @property
    def blocks(self) -> dict[str, tuple[nn.Module, ...]]:
        """It goes to a device as a whole."""
        return {}

    def instead_of(self, own: Vae, checkpoint: str) -> Vae:
        """This one in the place of a checkpoint's own.

        The scale of the latents stays the checkpoint's: a file does not tell its own, and the
        UNet was trained with that.

        Raises:
            BadInput: Its latents have another shape.
        """
        vae = Vae(self.model, own.scaling_factor, own.shift_factor, self.patches)
        if (vae.factor, vae.latent_channels) != (own.factor, own.latent_channels):
            raise BadInput(
                f"The autoencoder '{self.info.name}' was made for another kind of model than "
                f"'{checkpoint}': {_shape(vae)}, and that model takes {_shape(own)}; choose "
                "another, or the checkpoint's own.",
                "vae",
            )
        return vae


def _shape(vae: Vae) -> str:
    """Of its latents, in words."""
    return f"{vae.latent_channels} numbers for {vae.factor}x{vae.factor} px"


def cache_key(name: str, dtype: torch.dtype) -> str:
    """What the model cache calls an autoencoder in a precision."""
    return f"{KEY}{str(dtype).removeprefix('torch.')}/{name}"


def named_in(key: str) -> tuple[torch.dtype, str]:
    """Precision and name of a `cache_key`."""
    dtype, _, name = key.removeprefix(KEY).partition("/")
    return getattr(torch, dtype), name


def load_vae(info: ModelInfo, target: Target) -> SeparateVae:
    """Loads a diffusers folder or a single file of either layout; raises as `Family.load`."""
    if info.path.is_dir():
        file = f"{info.name}/{info.weights[0].name}"
        return SeparateVae(info, load_module(AutoencoderKL, info.path, file, target, {}))
    name = info.path.name
    model = guarded(lambda: _from_file(info, target.dtype), name)
    return SeparateVae(info, ready(model, name, target))


def _from_file(info: ModelInfo, dtype: torch.dtype) -> AutoencoderKL:
    tensors = {name.removeprefix(VAE): tensor for name, tensor in load_file(info.path).items()}
    config = vae_config({name: tuple(tensor.shape) for name, tensor in tensors.items()}, info.path)
    with init_empty_weights(include_buffers=False):
        model = AutoencoderKL(**config)
    if any(name.startswith("encoder.down_blocks.") for name in tensors):
        converted: dict[str, torch.Tensor] = {}
        for name, tensor in tensors.items():
            for old, new in _OLD_NAMES.items():
                name = name.replace(old, new)
            converted[name] = tensor
    else:
        prefixed = {VAE + name: tensor for name, tensor in tensors.items()}
        converters: Any = single_file_utils
        converted = converters.convert_ldm_vae_checkpoint(prefixed, config)
    return filled(model, converted, info.path, dtype)

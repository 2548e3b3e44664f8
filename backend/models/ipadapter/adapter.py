"""IP-Adapters (Ye et al. 2023, 2308.06721): a picture as tokens beside those of the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from diffusers.loaders.unet import UNet2DConditionLoadersMixin
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.hashes import content_hash
from backend.models.ipadapter.header import AdapterShape, encoder_of, shape_of
from backend.models.loading import guarded, load_module, ready
from backend.models.memory.block_offload import bring, device_of
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.tensors import named_modules

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

KEY = "ipadapter/"  # before the name, in the cache; names are path stems, which hold no slash


class Pairs(nn.Module):
    """The weights of keys and values of each cross-attention layer, (hidden, width) each."""

    def __init__(self, pairs: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
        super().__init__()
        self.k = nn.ParameterList([nn.Parameter(k, requires_grad=False) for k, _ in pairs])
        self.v = nn.ParameterList([nn.Parameter(v, requires_grad=False) for _, v in pairs])


@dataclass(frozen=True, eq=False)
class ImageAdapter:
    """An IP-Adapter in memory.

    Attributes:
        info: Its catalog entry.
        shape: What it fits.
        encoder: Of pictures.
        projection: From what that tells to tokens.
        pairs: Of the attention layers.
        patches: What is on it.
    """

    info: ModelInfo
    shape: AdapterShape
    encoder: CLIPVisionModelWithProjection
    projection: nn.Module
    pairs: Pairs
    patches: PatchStack = field(default_factory=PatchStack)

    @property
    def hash(self) -> str:
        """First 10 hex digits of the SHA-256 of its file."""
        return content_hash(self.info)

    @property
    def parts(self) -> dict[str, nn.Module]:
        """What goes to a device."""
        return {
            "image_encoder": self.encoder,
            "image_projection": self.projection,
            "image_attention": self.pairs,
        }

    @property
    def blocks(self) -> dict[str, tuple[nn.Module, ...]]:
        """Each goes as a whole."""
        return {}

    @torch.no_grad()
    def tokens(self, picture: Pixels) -> tuple[torch.Tensor, torch.Tensor]:
        """What the negative prompt and the positive ones are told, (1, n, width) each.

        The picture's smaller side is brought to the encoder's size, the rest cut evenly. Its
        opposite is an embedding of zeros; to a file that reads hidden states, a picture of zeros.
        """
        from transformers import CLIPImageProcessor  # not at the start: few ask for it

        for part in (self.encoder, self.projection):
            bring(self.patches, part)
        own: Any = self.encoder
        side: int = own.config.image_size
        prepare: Any = CLIPImageProcessor(size=side, crop_size=side)
        seen = prepare(Image.fromarray(picture), return_tensors="pt").pixel_values
        seen = seen.to(device_of(self.patches, self.encoder), self.encoder.dtype)
        if self.shape.whole:
            told = own(torch.cat([torch.zeros_like(seen), seen]), output_hidden_states=True)
            both = told.hidden_states[-2]
        else:
            positive = own(seen).image_embeds
            both = torch.cat([torch.zeros_like(positive), positive])
        negative, positive = self.projection(both).chunk(2)
        return negative, positive


def cross_layers(model: UNet2DConditionModel) -> list[str]:
    """Names of the layers that look at the prompt, in the order that files number them by."""
    names = [name.removesuffix(".processor") for name in model.attn_processors]
    return [name for name in names if not name.endswith("attn1")]


def check_fits(adapter: ImageAdapter, model: UNet2DConditionModel, name: str) -> None:
    """Refuses a model whose layers are others.

    Raises:
        BadInput: Says so.
    """
    modules: dict[str, Any] = dict(named_modules(model))
    own = tuple(tuple(modules[layer].to_k.weight.shape) for layer in cross_layers(model))
    if own != adapter.shape.layers:
        raise BadInput(
            f"The IP-Adapter '{adapter.info.name}' was made for another kind of model than "
            f"'{name}'; choose one that fits it.",
            "reference_adapter",
        )


def load_adapter(info: ModelInfo, target: Target) -> ImageAdapter:
    """Loads a file with its image encoder; raises as `Family.load`."""
    from transformers import CLIPVisionModelWithProjection

    shape = shape_of(info.path)
    folder = encoder_of(info.path, shape)
    name = info.path.name
    file = f"{folder.name}/model.safetensors"
    encoder = load_module(CLIPVisionModelWithProjection, folder, file, target, {})
    projection, pairs = guarded(partial(_parts, info, target.dtype), name)
    return ImageAdapter(
        info, shape, encoder, ready(projection, name, target), ready(pairs, name, target)
    )


def _parts(info: ModelInfo, dtype: torch.dtype) -> tuple[nn.Module, Pairs]:
    tensors = load_file(info.path)
    image = {
        key.removeprefix("image_proj."): tensor
        for key, tensor in tensors.items()
        if key.startswith("image_proj.")
    }
    # diffusers' own reading of all layouts of this part; it asks nothing of the UNet.
    reading: Any = UNet2DConditionLoadersMixin
    convert = reading._convert_ip_adapter_image_proj_to_diffusers
    projection: nn.Module = convert(SimpleNamespace(), image, low_cpu_mem_usage=False)
    numbers = sorted({int(key.split(".")[1]) for key in tensors if key.startswith("ip_adapter.")})
    pairs = [
        (
            tensors[f"ip_adapter.{number}.to_k_ip.weight"].to(dtype),
            tensors[f"ip_adapter.{number}.to_v_ip.weight"].to(dtype),
        )
        for number in numbers
    ]
    return projection.to(dtype), Pairs(pairs)

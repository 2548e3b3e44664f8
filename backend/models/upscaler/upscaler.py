"""One-pass upscalers (ESRGAN, SwinIR, DAT, SPAN, ...), loaded and called through spandrel.

spandrel is imported when the first one is loaded, never at the start.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import nn

from backend.contracts.errors import ModelProblem
from backend.contracts.events import Pixels
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.hashes import content_hash
from backend.models.loading import guarded, ready
from backend.models.memory.block_offload import device_of
from backend.models.memory.devices import Device, Target
from backend.models.patches import PatchStack
from backend.models.tensors import in_torch
from backend.pictures.tiles import Enlarged

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

KEY = "upscaler/"  # before the name, in the cache; names are path stems, which hold no slash
PURPOSES = ("SR", "Restoration")


@dataclass(frozen=True, eq=False)
class Upscaler:
    """An upscaler in memory.

    Attributes:
        info: Its catalog entry, with architecture and scale as loading found them.
        network: Pads to the sizes that it takes, calls and clamps.
        dtype: In which it works.
        patches: What is on it.
    """

    info: ModelInfo
    network: ImageModelDescriptor
    dtype: torch.dtype
    patches: PatchStack = field(default_factory=PatchStack)

    @property
    def hash(self) -> str:
        """First 10 hex digits of the SHA-256 of its file."""
        return content_hash(self.info)

    @property
    def scale(self) -> int:
        """What it multiplies both sides by."""
        return self.network.scale

    @property
    def parts(self) -> dict[str, nn.Module]:
        """Its one module."""
        return {"upscaler": self.network.model}

    @property
    def blocks(self) -> dict[str, tuple[nn.Module, ...]]:
        """It goes to a device as a whole."""
        return {}

    def __call__(self, picture: Pixels) -> Enlarged:
        """Enlarges in one pass: (h, w, 3) -> (h scale, w scale, 3) in 0..1."""
        pixels = in_torch(picture).permute(2, 0, 1)[None]
        given = (pixels.float() / 255.0).to(device_of(self.patches, self.network.model), self.dtype)
        with torch.inference_mode():
            made = self.network(given)
        return made[0].permute(1, 2, 0).float().cpu().numpy()


def load_upscaler(info: ModelInfo, target: Target, place: torch.device) -> Upscaler:
    """Loads a file of the catalog.

    Args:
        info: Its entry.
        target: Where it will work.
        place: Where its weights are loaded to.

    Raises:
        ModelProblem: It is none that spandrel knows, or makes no colour picture of one.
        OutOfMemory: The device cannot hold it.
    """
    name = info.path.name
    network = guarded(partial(_network, info), name)
    dtype = _dtype(network, target)
    network.model.to(dtype)
    ready(network.model, name, Target(place, dtype))
    found = replace(info, family=network.architecture.id, scale=network.scale)
    return Upscaler(found, network, dtype)


def _network(info: ModelInfo) -> ImageModelDescriptor:
    import spandrel

    try:
        found = spandrel.ModelLoader("cpu").load_from_state_dict(load_file(info.path))
    except spandrel.UnsupportedModelError:
        raise ModelProblem(
            f"{info.path.name} is no upscaler that is known here; ESRGAN, SwinIR, DAT, SPAN and "
            "their kin are."
        ) from None
    if (
        not isinstance(found, spandrel.ImageModelDescriptor)
        or found.purpose not in PURPOSES
        or (found.input_channels, found.output_channels) != (3, 3)
    ):
        raise ModelProblem(
            f"{info.path.name} ({found.architecture.name}) does not enlarge colour pictures; "
            "choose another upscaler."
        )
    return found


def _dtype(network: ImageModelDescriptor, target: Target) -> torch.dtype:
    """The target's precision where it pays and the architecture bears it, else float32."""
    bears = {
        torch.float16: network.supports_half,
        torch.bfloat16: network.supports_bfloat16,
    }
    if Device(target.device).apart and bears.get(target.dtype, False):
        return target.dtype
    return torch.float32

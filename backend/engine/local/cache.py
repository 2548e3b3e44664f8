"""The model cache of the local engine: what it loads, how much it may hold, and for how long."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import psutil
import torch

from backend.contracts.errors import LoomError
from backend.control.building import BUILDING
from backend.models.autoencoder import vae_file
from backend.models.autoencoder.vae_file import SeparateVae
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.tensor_files import shapes_in
from backend.models.checkpoint import Checkpoint
from backend.models.control import controlnet
from backend.models.control.controlnet import ControlNet
from backend.models.ipadapter import adapter
from backend.models.ipadapter.adapter import ImageAdapter
from backend.models.manager import ModelManager
from backend.models.memory.device_space import DeviceTier
from backend.models.memory.devices import Device, Target, free_bytes
from backend.models.text.embeddings import EmbeddingFiles
from backend.models.upscaler import upscaler
from backend.models.upscaler.upscaler import Upscaler

GIB = 2**30
SHARE = 0.7  # of what is free at the start: activations, and other programs, need the rest
LOOK_EVERY_S = 20.0


@dataclass(frozen=True)
class Budgets:
    """What the model cache may hold.

    Attributes:
        device_bytes: Weights on the device; None is 70 % of what is free at the start.
        ram_bytes: Weights in RAM; None as above.
        idle_s: Models that nobody used for so long are let go.
    """

    device_bytes: int | None = None
    ram_bytes: int | None = None
    idle_s: float = 30 * 60

    @classmethod
    def of_gib(cls, device: float | None, ram: float | None, idle_minutes: float) -> Self:
        """From the flags; 0 minutes mean for ever."""
        return cls(
            None if device is None else int(device * GIB),
            None if ram is None else int(ram * GIB),
            idle_minutes * 60 or math.inf,
        )

    def divided(self, count: int) -> Budgets:
        """Of one of several caches that share the RAM."""
        return replace(self, ram_bytes=self.ram // count)

    @property
    def ram(self) -> int:
        """Weights in RAM, in bytes."""
        if self.ram_bytes is not None:
            return self.ram_bytes
        return int(SHARE * psutil.virtual_memory().available)


STANDARD_BUDGETS = Budgets()


def library_cache(catalog: Catalog, target: Target, budgets: Budgets) -> ModelManager[Any]:
    """The cache that loads checkpoints, and ControlNets under their key, from the catalog.

    A device with memory of its own gets copies of weights that are loaded into RAM; where RAM is
    the device's memory too, as on the CPU and on MPS, there is one place and one budget.
    """
    own = Device(target.device)
    embeddings = EmbeddingFiles(catalog)
    loading = replace(target, device=torch.device("cpu")) if own.apart else target

    def load(name: str) -> Checkpoint | ControlNet | SeparateVae | Upscaler | ImageAdapter:
        with BUILDING:
            return built(name)

    def built(name: str) -> Checkpoint | ControlNet | SeparateVae | Upscaler | ImageAdapter:
        if name.startswith(controlnet.KEY):
            named = name.removeprefix(controlnet.KEY)
            return controlnet.load_controlnet(catalog.find("controlnet", named), loading)
        if name.startswith(vae_file.KEY):
            dtype, named = vae_file.named_in(name)
            return vae_file.load_vae(catalog.find("vae", named), replace(loading, dtype=dtype))
        if name.startswith(upscaler.KEY):
            named = name.removeprefix(upscaler.KEY)
            enlarger = upscaler.load_upscaler(
                catalog.find("upscaler", named), target, loading.device
            )
            catalog.learn(enlarger.info)
            return enlarger
        if name.startswith(adapter.KEY):
            named = name.removeprefix(adapter.KEY)
            return adapter.load_adapter(catalog.find("ipadapter", named), loading)
        info = catalog.checkpoint(name)
        tiny = catalog.tiny_decoder(info.anatomy.tiny_decoder)
        loaded = catalog.families.load(info, loading, tiny)
        catalog.learn(loaded.info)
        loaded.text.teach(embeddings)
        return replace(loaded, target=target)

    ram = budgets.ram
    tier = None
    if own.apart:
        device = budgets.device_bytes
        tier = DeviceTier(
            int(SHARE * free_bytes(target.device)) if device is None else device,
            own.upload,
            target.device,
            own.empty_cache,
            own.pinned,
            own.settle,
        )
    return ModelManager(
        load,
        ram,
        device=tier,
        idle_s=budgets.idle_s,
        expect=lambda name: expected_bytes(catalog, name, target),
    )


def expected_bytes(catalog: Catalog, name: str, target: Target) -> int:
    """Bytes that a model takes in the precision that it is loaded in, from its files' headers."""
    dtype = target.dtype
    try:
        if name.startswith(controlnet.KEY):
            info = catalog.find("controlnet", name.removeprefix(controlnet.KEY))
        elif name.startswith(vae_file.KEY):
            dtype, named = vae_file.named_in(name)
            info = catalog.find("vae", named)
        elif name.startswith(upscaler.KEY):
            dtype = torch.float32
            info = catalog.find("upscaler", name.removeprefix(upscaler.KEY))
        elif name.startswith(adapter.KEY):
            return catalog.find("ipadapter", name.removeprefix(adapter.KEY)).bytes
        else:
            info = catalog.checkpoint(name)
        files = [info.path] if info.path.is_file() else sorted(info.path.rglob("*.safetensors"))
        shapes = [shape for file in files for shape in shapes_in(file).values()]
    except LoomError:
        return 0  # loading will say what is wrong
    return sum(map(math.prod, shapes)) * dtype.itemsize


def release_idle(caches: Iterable[ModelManager[Any]], closing: threading.Event) -> None:
    """Lets idle models go now and then, until `closing` is set."""
    while not closing.wait(LOOK_EVERY_S):
        for models in caches:
            models.release_idle()

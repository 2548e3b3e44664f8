"""ControlNets (Zhang et al. 2023, 2302.05543): which fit a checkpoint, and what they add to it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers.loaders import single_file_utils
from diffusers.models.controlnets.controlnet import ControlNetModel
from safetensors.torch import load_file
from torch import nn

from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.events import Pixels
from backend.contracts.settings import ControlMode, DetectorName
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.configs import read_config
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.hashes import content_hash
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.checkpoint import module_bytes
from backend.models.control.controlnet_file import controlnet_config, has_diffusers_names
from backend.models.control.hints import EmbeddedHints, spread, tiled
from backend.models.control.shape import ControlShape
from backend.models.denoiser.compiled import Compiled
from backend.models.denoiser.unet import Added, Residuals
from backend.models.denoiser.unet_blocks import half_blocks_of
from backend.models.loading import filled, guarded, load_module, ready
from backend.models.manager import ModelManager
from backend.models.memory.block_offload import device_of
from backend.models.memory.devices import CompileKind, Target
from backend.models.patches import PatchStack
from backend.models.tensors import in_torch, numbers

KEY = "controlnet/"  # before the name, in the cache; names are path stems, which hold no slash
SOFT_WEIGHT = 0.825  # of "prompt": the deeper a residual, the closer its weight to 1
# What a ControlNet was trained on, by what its name says; the first match counts.
TRAINED_ON: tuple[tuple[str, tuple[DetectorName, ...]], ...] = (
    ("canny", ("canny",)),
    ("lineart_anime", ("lineart_anime",)),
    ("lineart", ("lineart", "lineart_standard")),
    ("softedge", ("softedge_hed", "softedge_pidinet")),
    ("hed", ("softedge_hed",)),
    ("shuffle", ("shuffle",)),
    ("depth", ("depth_midas",)),
    ("normal", ("normal_bae",)),
    ("mlsd", ("mlsd",)),
    ("openpose", ("openpose",)),
)


@dataclass(frozen=True, eq=False)
class ControlNet:
    """A ControlNet in memory.

    Attributes:
        info: Its catalog entry.
        model: In evaluation mode, without gradients.
        compiled: How it is called.
        patches: What is on it.
    """

    info: ModelInfo
    model: ControlNetModel
    compiled: CompileKind = "off"
    patches: PatchStack = field(default_factory=PatchStack)

    @cached_property
    def _call(self) -> Compiled:
        return Compiled(self.model, self.compiled, self.patches)

    @cached_property
    def _hints(self) -> EmbeddedHints:
        hints = EmbeddedHints(self.model.controlnet_cond_embedding)
        self.patches.put(hints, self.model)  # for good: it changes nothing, and is on the ledger
        return hints

    @property
    def name(self) -> str:
        """What settings call it."""
        return self.info.name

    @property
    def hash(self) -> str:
        """First 10 hex digits of the SHA-256 of its file."""
        return content_hash(self.info)

    @property
    def nbytes(self) -> int:
        """Bytes of all parameters and buffers."""
        return module_bytes(self.model)

    @property
    def parts(self) -> dict[str, nn.Module]:
        """Its one module."""
        return {"controlnet": self.model}

    @property
    def blocks(self) -> dict[str, tuple[nn.Module, ...]]:
        """Its blocks, in the order of their calls."""
        return {"controlnet": half_blocks_of(self.model)}

    def conditional_only(self, mode: ControlMode) -> bool:
        """Whether it acts on the conditional half of a guided batch alone.

        As in diffusers: in its guess mode, and always where the model pools over the picture.
        """
        return mode == "control" or bool(self.model.config["global_pool_conditions"])

    def hint(self, control: Pixels) -> torch.Tensor:
        """The control as the model takes it: (1, 3, H, W) in 0..1, on its device.

        One row serves a batch of any size, since it is added to each sample.
        """
        pixels = in_torch(control).permute(2, 0, 1)[None]
        return (pixels.float() / 255.0).to(device_of(self.patches, self.model), self.model.dtype)

    def residuals(
        self,
        hint: torch.Tensor,
        scaled: torch.Tensor,
        timestep: torch.Tensor,
        context: torch.Tensor,
        scale: float,
        mode: ControlMode,
        added: Added | None = None,
    ) -> Residuals:
        """What it adds inside the UNet.

        Args:
            hint: From `hint`, or (b, 3, H, W), or (b, 1, H, W) bytes of grey: tiled where B is a
                multiple of b. The first layers see the same tensor once only.
            scaled: (B, C, h, w), as the UNet takes it.
            timestep: (B,).
            context: (B, 77 k, D).
            scale: Conditioning scale, 0..2.
            mode: See `weights`.
            added: SDXL's further conditions.
        """
        rows = len(scaled)
        seen = spread(hint, self.model.dtype)
        again: AbstractContextManager[None] = nullcontext()
        if self.compiled == "off" and not torch.is_grad_enabled():
            again = self._hints.instead(hint, rows)
        else:
            seen = tiled(seen, rows)
        with again:
            down, mid = self._call(
                scaled,
                timestep,
                encoder_hidden_states=context,
                controlnet_cond=seen,
                added_cond_kwargs=added,
                return_dict=False,
            )
        pooled = bool(self.model.config["global_pool_conditions"])
        scales = weights(len(down) + 1, "balanced" if pooled else mode) * scale
        # Numbers of the host, rounded as the residuals are: nothing is copied at each step.
        factors = numbers(scales.to(scaled.dtype))
        return Residuals(
            tuple(part * factor for part, factor in zip(down, factors, strict=False)),
            mid * factors[-1],
        )


def weights(count: int, mode: ControlMode) -> torch.Tensor:
    """Weight of each residual, from the shallowest to the middle block; (count,) float32.

    balanced: 1. prompt: 0.825^(n - i) with n the last index, so that the prompt decides the
    detail. control: logspace(-1, 0), diffusers' guess mode.
    """
    match mode:
        case "balanced":
            return torch.ones(count)
        case "prompt":
            return torch.tensor([SOFT_WEIGHT ** (count - 1 - i) for i in range(count)])
        case "control":
            return torch.logspace(-1, 0, count)


def load_controlnet(info: ModelInfo, target: Target) -> ControlNet:
    """Loads a diffusers folder or a single file; raises as `Family.load`."""
    if info.path.is_file():
        name = info.path.name
        model = guarded(lambda: _from_file(info.path, target.dtype), name)
        return ControlNet(info, ready(model, name, target), target.compile)
    file = f"{info.name}/{info.weights[0].name}"
    model = load_module(ControlNetModel, info.path, file, target, {})
    return ControlNet(info, model, target.compile)


def _from_file(path: Path, dtype: torch.dtype) -> ControlNetModel:
    config = controlnet_config(path)
    with init_empty_weights(include_buffers=False):
        model = ControlNetModel(**config)
    tensors = load_file(path)
    if not has_diffusers_names(read_shapes(path)):
        converters: Any = single_file_utils
        tensors = converters.convert_controlnet_checkpoint(tensors, config)
    return filled(model, tensors, path, dtype)


@contextmanager
def lease(models: ModelManager[Any], name: str) -> Generator[ControlNet]:
    """The ControlNet `name` from the cache that holds the checkpoints too."""
    with models.lease(KEY + name) as model:
        if not isinstance(model, ControlNet):
            raise TypeError(f"{KEY + name} is not a ControlNet")
        yield model


def fits(controlnet: ModelInfo, checkpoint: ModelInfo) -> bool:
    """Whether one was made for the other's version, and its residuals have the right shapes."""
    if checkpoint.card.misfit(controlnet.card.base_version) is not None:
        return False
    try:
        path = controlnet.path
        theirs = controlnet_config(path) if path.is_file() else read_config(path / "config.json")
    except ModelProblem:
        return False
    return ControlShape.of_controlnet(theirs) == checkpoint.anatomy.control


def trained_on(controlnet: ModelInfo) -> tuple[DetectorName, ...]:
    """The detectors whose pictures it follows, by its name; empty where that says nothing."""
    name = controlnet.name.lower().replace("-", "_")
    return next((detectors for word, detectors in TRAINED_ON if word in name), ())


def choose(
    catalog: Catalog, checkpoint: ModelInfo, detector: DetectorName, name: str | None
) -> ModelInfo:
    """The ControlNet of that name, or the one that fits model and detector.

    Raises:
        BadInput: None is installed, or the one that was named does not fit the model.
    """
    if name is not None:
        found = catalog.find("controlnet", name)
        version = checkpoint.card.misfit(found.card.base_version)
        if version is not None:
            raise BadInput(
                f"The ControlNet '{name}' does not fit '{checkpoint.name}'. {version}", "controlnet"
            )
        if not fits(found, checkpoint):
            raise BadInput(
                f"The ControlNet '{name}' was made for another kind of model than "
                f"'{checkpoint.name}'; choose one that fits it.",
                "controlnet",
            )
        return found
    usable = [
        info
        for info in catalog.models("controlnet")
        if info.problem is None and fits(info, checkpoint)
    ]
    for info in usable:
        if detector == "identity" or detector in trained_on(info):
            return info
    raise BadInput(
        f"There is no ControlNet for '{detector}' that fits '{checkpoint.name}'; put one "
        f"into models/controlnet, with '{detector}' in its name.",
        "controlnet",
    )

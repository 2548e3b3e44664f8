"""What single-file checkpoints hold, however they were saved.

A prefix that a merger put before every name goes; an autoencoder that lies beside the file under
A1111's name for it (`NAME.vae.safetensors`) stands in for one that is not inside; weights in eight
bits with a scale of their own (`X.scale_weight`, `X.weight_scale`) are multiplied out; OpenCLIP's
projection is a matrix, whether it was saved as one or as a layer's weight.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from backend.models.catalog.compvis import UNET, VAE
from backend.models.catalog.safetensors_header import Shapes, read_shapes

if TYPE_CHECKING:
    from backend.models.loading import Tensors

VAE_BESIDE = ".vae.safetensors"
_FIRST = f"{UNET}input_blocks.0.0.weight"
_SCALES = (".scale_weight", ".weight_scale")
_AS_LAYER = ".text_projection.weight"

ValueT = TypeVar("ValueT")


def shapes_of(path: Path) -> Shapes:
    """Shapes by their usual names, the autoencoder beside the file included.

    Raises:
        ModelProblem: A file is damaged.
    """
    own = _rooted(read_shapes(path))
    for name, shape in _projections(own).items():
        own[name] = shape[::-1]
    beside = _beside(path, own)
    return own if beside is None else own | _under_vae(read_shapes(beside))


def tensors_of(path: Path) -> Tensors:
    """The tensors by the same names."""
    from safetensors.torch import load_file  # torch is slow to import

    own: Tensors = _rooted(load_file(path))
    for name, scale in [(name, value) for name, value in own.items() if name.endswith(_SCALES)]:
        weight = name.rpartition(".")[0] + ".weight"
        if weight in own:
            own[weight] = own[weight].float() * scale.float()
    for name, weight in _projections(own).items():
        own[name] = weight.T
    beside = _beside(path, own)
    return own if beside is None else own | _under_vae(load_file(beside))


def beside_ns(path: Path) -> int:
    """When the autoencoder beside a file was changed; 0 where there is none."""
    beside = _name_beside(path)
    return beside.stat().st_mtime_ns if beside.is_file() else 0


def _name_beside(path: Path) -> Path:
    return path.with_name(path.stem + VAE_BESIDE)


def _beside(path: Path, own: dict[str, ValueT]) -> Path | None:
    inside = any(name.startswith(VAE) for name in own)
    beside = _name_beside(path)
    return None if inside or not beside.is_file() else beside


def _rooted(named: dict[str, ValueT]) -> dict[str, ValueT]:
    root = next((name.removesuffix(_FIRST) for name in named if name.endswith(_FIRST)), "")
    return {name.removeprefix(root): value for name, value in named.items()} if root else named


def _projections(named: dict[str, ValueT]) -> dict[str, ValueT]:
    """Weights of layers that stand for OpenCLIP's projections, by those' names."""
    found = {
        name.removesuffix(".weight"): v for name, v in named.items() if name.endswith(_AS_LAYER)
    }
    return {name: value for name, value in found.items() if name not in named}


def _under_vae(named: dict[str, ValueT]) -> dict[str, ValueT]:
    return {VAE + name.removeprefix(VAE): value for name, value in named.items()}

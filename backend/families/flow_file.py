"""Flow transformers in single files, told by their tensors' names and shapes; no weights are read.

Such a file mostly holds the transformer alone, under the names of its original; its config is in
its shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.contracts.errors import ModelProblem
from backend.families.flow_folder import FlowFolder
from backend.models.catalog.compvis import count, vae_config
from backend.models.catalog.safetensors_header import Shapes, read_shapes
from backend.models.catalog.tensor_files import holds_tensors, shapes_in

PREFIXES = ("model.diffusion_model.", "diffusion_model.", "model.")
FLUX_MARK, Z_MARK = "double_blocks.0.img_attn.qkv.weight", "cap_embedder.1.weight"
HEAD = 128  # width of a head, in both
# Of the rotary embedding's axes, in parts of a head of 128.
FLUX_AXES, Z_AXES = (16, 56, 56), (32, 48, 48)


def prefix_of(names: Shapes | dict[str, Any], mark: str) -> str | None:
    """What stands before every name of a transformer; None where it is none with that mark."""
    return next((before for before in ("", *PREFIXES) if before + mark in names), None)


def shapes_of(path: Path, mark: str) -> Shapes | None:
    """Shapes of a transformer with that tensor, without prefix; None where it is none."""
    if not holds_tensors(path):
        return None
    shapes = shapes_in(path)
    prefix = prefix_of(shapes, mark)
    if prefix is None:
        return None
    return {
        name.removeprefix(prefix): shape
        for name, shape in shapes.items()
        if name.startswith(prefix)
    }


def config_of(
    path: Path, shapes: Shapes, read: Callable[[Shapes], dict[str, Any]]
) -> dict[str, Any]:
    """Config of a transformer, from its shapes.

    Raises:
        ModelProblem: A tensor that tells it is missing, or has another form.
    """
    try:
        return read(shapes)
    except KeyError as error:
        raise ModelProblem(f"{path.name} lacks the tensor '{error.args[0]}'.") from None
    except (ValueError, IndexError, ZeroDivisionError):
        raise ModelProblem(f"{path.name} has tensors of other forms than its kind.") from None


def flux_config(shapes: Shapes) -> dict[str, Any]:
    """Of `FluxTransformer2DModel`."""
    inner, seen = shapes["img_in.weight"]
    head = shapes["double_blocks.0.img_attn.norm.query_norm.scale"][0]
    return {
        "patch_size": 1,
        "in_channels": seen,
        "num_layers": count(shapes, r"double_blocks\.(\d+)\."),
        "num_single_layers": count(shapes, r"single_blocks\.(\d+)\."),
        "attention_head_dim": head,
        "num_attention_heads": inner // head,
        "joint_attention_dim": shapes["txt_in.weight"][1],
        "pooled_projection_dim": shapes["vector_in.in_layer.weight"][1],
        "guidance_embeds": "guidance_in.in_layer.weight" in shapes,
        "axes_dims_rope": [axis * head // HEAD for axis in FLUX_AXES],
    }


def zimage_config(shapes: Shapes) -> dict[str, Any]:
    """Of `ZImageTransformer2DModel`."""
    width, patches = shapes["x_embedder.weight"]
    head = shapes["layers.0.attention.q_norm.weight"][0]
    rows = shapes["layers.0.attention.qkv.weight"][0]
    heads = width // head
    return {
        "in_channels": patches // 4,
        "dim": width,
        "n_layers": count(shapes, r"layers\.(\d+)\."),
        "n_refiner_layers": count(shapes, r"noise_refiner\.(\d+)\."),
        "n_heads": heads,
        "n_kv_heads": (rows // head - heads) // 2,
        "cap_feat_dim": shapes[Z_MARK][1],
        "axes_dims": [axis * head // HEAD for axis in Z_AXES],
        "axes_lens": [1536, 512, 512],
    }


def vae_of(path: Path, scaling_factor: float, shift_factor: float) -> dict[str, Any]:
    """Config of an autoencoder's file, which does not tell the scale of its latents."""
    config = vae_config(read_shapes(path), path)
    return config | {"scaling_factor": scaling_factor, "shift_factor": shift_factor}


def told(
    path: Path, transformer: dict[str, Any], vae: dict[str, Any], parts: dict[Any, Path]
) -> FlowFolder:
    """What a folder would tell of the same parts."""
    files = {path, *(part for part in parts.values() if part.suffix != ".json")}
    return FlowFolder(
        {},
        {"transformer": transformer, "vae": vae},
        (path,),
        sum(file.stat().st_size for file in files),
    )

"""Configs of transformers in single files are in their shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.contracts.errors import ModelProblem
from backend.families.flow_file import (
    FLUX_MARK,
    Z_MARK,
    config_of,
    flux_config,
    prefix_of,
    shapes_of,
    zimage_config,
)
from backend.models.catalog.safetensors_header import Shapes

# Of the published files.
FLUX: Shapes = {
    "img_in.weight": (3072, 64),
    "double_blocks.0.img_attn.norm.query_norm.scale": (128,),
    FLUX_MARK: (9216, 3072),
    "double_blocks.18.img_mlp.0.bias": (12288,),
    "single_blocks.37.linear2.bias": (3072,),
    "txt_in.weight": (3072, 4096),
    "vector_in.in_layer.weight": (3072, 768),
    "guidance_in.in_layer.weight": (3072, 256),
}
Z: Shapes = {
    "x_embedder.weight": (3840, 64),
    "layers.0.attention.q_norm.weight": (128,),
    "layers.0.attention.qkv.weight": (11520, 3840),
    "layers.29.attention.out.weight": (3840, 3840),
    "noise_refiner.1.attention.out.weight": (3840, 3840),
    Z_MARK: (3840, 2560),
}


def test_the_published_transformers_are_known() -> None:
    assert flux_config(FLUX) == {
        "patch_size": 1,
        "in_channels": 64,
        "num_layers": 19,
        "num_single_layers": 38,
        "attention_head_dim": 128,
        "num_attention_heads": 24,
        "joint_attention_dim": 4096,
        "pooled_projection_dim": 768,
        "guidance_embeds": True,
        "axes_dims_rope": [16, 56, 56],
    }
    told = zimage_config(Z)
    assert (told["dim"], told["n_layers"], told["n_refiner_layers"]) == (3840, 30, 2)
    assert (told["n_heads"], told["n_kv_heads"], told["cap_feat_dim"]) == (30, 30, 2560)
    assert (told["in_channels"], told["axes_dims"]) == (16, [32, 48, 48])


def test_a_prefix_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file(
        {f"model.diffusion_model.{FLUX_MARK}": torch.zeros(3, 1), "vae.x": torch.zeros(1)}, path
    )
    assert shapes_of(path, FLUX_MARK) == {FLUX_MARK: (3, 1)}
    assert shapes_of(path, Z_MARK) is None
    assert shapes_of(path.with_suffix(".ckpt"), FLUX_MARK) is None
    assert prefix_of({FLUX_MARK: (1,)}, FLUX_MARK) == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"img_in.weight": None}, r"lacks the tensor 'img_in\.weight'"),
        ({"img_in.weight": (3,)}, "tensors of other forms"),
        ({"double_blocks.0.img_attn.norm.query_norm.scale": (0,)}, "tensors of other forms"),
    ],
)
def test_what_tells_nothing_is_said(change: dict, sentence: str) -> None:
    shapes = {name: shape for name, shape in (FLUX | change).items() if shape is not None}
    with pytest.raises(ModelProblem, match=sentence):
        config_of(Path("a.safetensors"), shapes, flux_config)

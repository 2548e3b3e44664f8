"""Names of original flow transformers become diffusers', fused layers the three that they are."""

from __future__ import annotations

import pytest
import torch
from diffusers.loaders.lora_conversion_utils import (
    _convert_kohya_flux_lora_to_diffusers,
)

from backend.contracts.errors import ModelProblem
from backend.models.lora.transformer_names import is_foreign, plain

WIDTH, RANK = 8, 2
LAYERS = {
    "double_blocks.0.img_attn.qkv": (3 * WIDTH, WIDTH),
    "double_blocks.0.img_attn.proj": (WIDTH, WIDTH),
    "double_blocks.0.img_mlp.0": (4 * WIDTH, WIDTH),
    "double_blocks.0.img_mlp.2": (WIDTH, 4 * WIDTH),
    "double_blocks.0.img_mod.lin": (6 * WIDTH, WIDTH),
    "double_blocks.0.txt_attn.qkv": (3 * WIDTH, WIDTH),
    "double_blocks.0.txt_attn.proj": (WIDTH, WIDTH),
    "double_blocks.0.txt_mlp.0": (4 * WIDTH, WIDTH),
    "double_blocks.0.txt_mlp.2": (WIDTH, 4 * WIDTH),
    "double_blocks.0.txt_mod.lin": (6 * WIDTH, WIDTH),
    # diffusers cuts this one by the published model's width alone.
    "single_blocks.1.linear1": (7 * 3072, WIDTH),
    "single_blocks.1.linear2": (WIDTH, 5 * WIDTH),
    "single_blocks.1.modulation.lin": (3 * WIDTH, WIDTH),
}


def written(kohya: bool) -> dict[str, torch.Tensor]:
    """A file of either naming; alphas are the ranks."""
    generator = torch.Generator().manual_seed(0)
    made: dict[str, torch.Tensor] = {}
    for name, (rows, columns) in LAYERS.items():
        down = torch.randn(RANK, columns, generator=generator)
        up = torch.randn(rows, RANK, generator=generator)
        if kohya:
            base = "lora_unet_" + name.replace(".", "_")
            made[f"{base}.lora_down.weight"], made[f"{base}.lora_up.weight"] = down, up
            made[f"{base}.alpha"] = torch.tensor(float(RANK))
        else:
            base = f"diffusion_model.{name}"
            made[f"{base}.lora_A.weight"], made[f"{base}.lora_B.weight"] = down, up
    return made


def changes(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Layer -> B A."""
    layers = {
        key.removesuffix(".lora_A.weight") for key in tensors if key.endswith("lora_A.weight")
    }
    return {
        layer: tensors[f"{layer}.lora_B.weight"] @ tensors[f"{layer}.lora_A.weight"]
        for layer in layers
    }


@pytest.mark.parity
def test_kohyas_names_are_what_diffusers_makes_of_them() -> None:
    ours = changes(plain(written(kohya=True)))
    theirs = changes(_convert_kohya_flux_lora_to_diffusers(written(kohya=True)))
    assert sorted(ours) == sorted(theirs)
    assert len(ours) == len(LAYERS) + 2 + 2 + 3
    for layer, change in ours.items():
        torch.testing.assert_close(change, theirs[layer], msg=layer)


@pytest.mark.parity
def test_dotted_names_mean_the_same_layers() -> None:
    dotted, kohya = changes(plain(written(kohya=False))), changes(plain(written(kohya=True)))
    assert sorted(dotted) == sorted(kohya)
    for layer, change in dotted.items():
        assert torch.equal(change, kohya[layer])


def test_z_images_fused_layer_is_three_and_shares_what_is_fused() -> None:
    key = "diffusion_model.layers.4.attention.qkv"
    up = torch.arange(24.0).reshape(12, 2)
    down = torch.ones(2, 4)
    found = plain({f"{key}.lora_A.weight": down, f"{key}.lora_B.weight": up})
    assert sorted(found) == sorted(
        f"transformer.layers.4.attention.to_{which}.lora_{role}.weight"
        for which in "qkv"
        for role in "AB"
    )
    assert torch.equal(found["transformer.layers.4.attention.to_k.lora_B.weight"], up[4:8])
    assert found["transformer.layers.4.attention.to_v.lora_A.weight"] is down


@pytest.mark.parametrize("prefix", ["lora_transformer", "lycoris"])
@pytest.mark.parametrize(
    ("flat", "dotted"),
    [
        ("transformer_blocks_3_attn_to_q", "transformer_blocks.3.attn.to_q"),
        (
            "transformer_blocks_3_ff_context_net_0_proj",
            "transformer_blocks.3.ff_context.net.0.proj",
        ),
        ("transformer_blocks_0_norm1_context_linear", "transformer_blocks.0.norm1_context.linear"),
        ("single_transformer_blocks_37_proj_out", "single_transformer_blocks.37.proj_out"),
    ],
)
def test_diffusers_names_with_underscores(prefix: str, flat: str, dotted: str) -> None:
    key = f"{prefix}_{flat}.lora_down.weight"
    assert is_foreign(key)
    assert list(plain({key: torch.ones(1, 1)})) == [f"transformer.{dotted}.lora_down.weight"]


def test_other_names_are_left_alone() -> None:
    own = {"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": torch.ones(1, 1)}
    assert plain(own) == own
    assert not is_foreign("lora_unet_down_blocks_0_attentions_0.lora_down.weight")


@pytest.mark.parametrize(
    ("key", "rows", "sentence"),
    [
        ("double_blocks.0.img_attn.norm.lora_B.weight", 3, "no layer of the model's original"),
        ("double_blocks.0.img_attn.qkv.lora_B.weight", 10, "10 rows, which are not those of 3"),
    ],
)
def test_what_cannot_be_cut_is_told(key: str, rows: int, sentence: str) -> None:
    with pytest.raises(ModelProblem, match=sentence):
        plain({key: torch.ones(rows, 2)})

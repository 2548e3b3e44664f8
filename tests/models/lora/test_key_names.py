"""Names inside LoRA files: every format becomes the same module and factor."""

from __future__ import annotations

import pytest

from backend.contracts.errors import ModelProblem
from backend.models.lora.key_names import REFUSED_KINDS, Factor, factors

UNET = "down_blocks.0.attentions.0.transformer_blocks.0.attn1"
TEXT = "encoder.layers.0.self_attn.q_proj"
QUERY = f"unet.{UNET}.to_q"


@pytest.mark.parametrize(
    ("down", "up"),
    [
        (f"unet.{UNET}.to_q.lora_A.weight", f"unet.{UNET}.to_q.lora_B.weight"),
        (f"unet.{UNET}.to_q.lora_A.default.weight", f"unet.{UNET}.to_q.lora_B.default.weight"),
        (f"unet.{UNET}.to_q.lora.down.weight", f"unet.{UNET}.to_q.lora.up.weight"),
        (
            f"unet.{UNET}.processor.to_q_lora.down.weight",
            f"unet.{UNET}.processor.to_q_lora.up.weight",
        ),
        (
            f"base_model.model.{UNET}.to_q.lora_A.weight",
            f"base_model.model.{UNET}.to_q.lora_B.weight",
        ),
        (f"{UNET}.to_q.lora_down.weight", f"{UNET}.to_q.lora_up.weight"),
        (
            f"lora_unet_{UNET.replace('.', '_')}_to_q.lora_down.weight",
            f"lora_unet_{UNET.replace('.', '_')}_to_q.lora_up.weight",
        ),
    ],
    ids=["peft", "peft, named", "diffusers", "processor", "base", "plain", "kohya"],
)
def test_a_layer_of_the_unet_has_one_name_in_all_formats(down: str, up: str) -> None:
    assert factors([down, up]) == {down: Factor(QUERY, "A"), up: Factor(QUERY, "B")}


@pytest.mark.parametrize(
    ("down", "part"),
    [
        (f"text_encoder.text_model.{TEXT}.lora_linear_layer.down.weight", "text_encoder"),
        (f"text_encoder_2.text_model.{TEXT}.lora_linear_layer.down.weight", "text_encoder_2"),
        (f"text_encoder.{TEXT}.lora_A.weight", "text_encoder"),
        (f"lora_te_text_model_{TEXT.replace('.', '_')}.lora_down.weight", "text_encoder"),
        (f"lora_te2_text_model_{TEXT.replace('.', '_')}.lora_down.weight", "text_encoder_2"),
    ],
)
def test_paths_inside_a_text_encoder_begin_with_its_encoder(down: str, part: str) -> None:
    up = down.replace("lora_A", "lora_B").replace("down", "up")
    assert factors([down, up])[down] == Factor(f"{part}.{TEXT}", "A")


def test_alphas_are_left_out_and_order_does_not_matter() -> None:
    keys = [f"{QUERY}.lora_B.weight", f"{QUERY}.alpha", f"{QUERY}.lora_A.weight"]
    assert factors(keys) == {
        f"{QUERY}.lora_A.weight": Factor(QUERY, "A"),
        f"{QUERY}.lora_B.weight": Factor(QUERY, "B"),
    }


def test_a_layer_held_twice_under_two_formats_counts_once() -> None:
    peft, old = f"{QUERY}.lora_A.weight", f"{QUERY}.lora.down.weight"
    found = factors([peft, old, f"{QUERY}.lora_B.weight"])
    assert sorted(found.values()) == [Factor(QUERY, "A"), Factor(QUERY, "B")]


@pytest.mark.parametrize("mark", sorted(REFUSED_KINDS))
def test_other_ways_of_adapting_are_refused_by_name(mark: str) -> None:
    key = f"{QUERY}.{mark}" if mark.startswith("lora") else f"{QUERY}.lora_A.{mark}weight"
    kind = next(kind for known, kind in REFUSED_KINDS.items() if known in key)
    with pytest.raises(ModelProblem, match=kind.replace("(", r"\(").replace(")", r"\)")):
        factors([key])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["lora_transformer_blocks_0.lora_down.weight"], "another kind of model"),
        (["double_blocks.0.lora_A.weight"], "another kind of model"),
        (["unet.conv_in.weight"], "It holds no LoRA"),
        (["lora_unet_conv_in.lora_down.weight"], "'lora_unet_conv_in' is incomplete"),
        (["lora_unet_conv_in.lora_down.weight", "stranger.lora_up.weight"], "incomplete|no LoRA"),
        (["vae.conv.lora_A.weight"], "belongs to no part of Stable Diffusion"),
        ([f"{QUERY}.lora_C.weight"], "belongs to no LoRA that is known"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(keys: list[str], said: str) -> None:
    with pytest.raises(ModelProblem, match=said):
        factors(keys)


def test_a_stranger_of_any_length_stays_short_in_the_sentence() -> None:
    with pytest.raises(ModelProblem) as told:
        factors([f"unet.{'x' * 5000}.lora_C.weight"])
    assert len(str(told.value)) < 250


@pytest.mark.parametrize(
    ("key", "whose"),
    [
        ("diffusion_model.blocks.0.cross_attn.k.lora_A.weight", "Wan"),
        ("lora_unet_blocks_0_cross_attn_k.lora_down.weight", "Wan"),
        ("lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight", "Stable Diffusion 3"),
        ("lora_prior_unet_x.lora_down.weight", "Stable Cascade"),
        ("diffusion_model.transformer_blocks.0.img_mlp.net.2.lora_A.weight", "Qwen-Image"),
        ("lycoris_blocks_0.lokr_w1", ""),
    ],
)
def test_loras_for_another_base_are_named_as_such(key: str, whose: str) -> None:
    with pytest.raises(ModelProblem, match=f"another kind of model than Stable Diffusion.*{whose}"):
        factors([key])

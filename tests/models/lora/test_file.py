"""LoRA files: every format, metadata, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn

from backend.families.registry import FAMILIES
from backend.models.family import Kin
from backend.models.lora.file import inspect, read
from tests import lora_files as files
from tests.tiny import tiny_unet


def _same(path: Path, factors: dict[str, files.Factors], scale: float = 1.0) -> None:
    lora = read(path)
    assert set(lora.deltas) == set(factors)
    for module, delta in lora.deltas.items():
        assert torch.equal(delta.A, factors[module].A)
        assert torch.equal(delta.B, factors[module].B)
        assert delta.scale == pytest.approx(scale)


ATTENTION_TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")


@pytest.mark.parametrize(
    ("write", "targets", "part"),
    [
        (files.diffusers_keys, files.ATTENTION + files.TEXT, None),
        (files.diffusers_keys, ("fc1",), None),
        (files.old_diffusers_keys, files.ATTENTION + ATTENTION_TEXT, None),
        (files.old_diffusers_keys, ("to_q", "q_proj"), None),
        (files.processor_keys, files.ATTENTION, "unet"),
        (files.peft_keys, files.ATTENTION + files.CONVOLUTIONS, "unet"),
        (files.peft_keys, files.TEXT, "text_encoder"),
        (files.kohya_keys, files.ATTENTION + files.CONVOLUTIONS + files.TEXT, None),
        (
            files.kohya_keys,
            ("conv_in", "conv_out", "linear_1", "linear_2", "net.0.proj", "net.2"),
            "unet",
        ),
    ],
)
def test_each_format_gives_the_same_factors(
    tmp_path: Path,
    parts: dict[str, nn.Module],
    write: files.Writer,
    targets: tuple[str, ...],
    part: str | None,
) -> None:
    chosen = parts if part is None else {part: parts[part]}
    factors = files.random_factors(chosen, targets, seed=1)
    path = files.write(tmp_path / "any.safetensors", write(factors))
    _same(path, factors)
    assert inspect(path).fits(parts) is None


def test_alphas_scale_each_layer(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    factors = files.random_factors(parts, ("to_q", "conv1", "fc1"), seed=1, rank=8)
    tensors = files.kohya_keys(factors, alpha=2.0)
    _same(files.write(tmp_path / "a.safetensors", tensors), factors, 0.25)
    one = next(key for key in tensors if key.endswith("attn1_to_q.alpha"))
    tensors[one] = torch.tensor(16.0)
    lora = read(files.write(tmp_path / "b.safetensors", tensors))
    scales = sorted(delta.scale for delta in lora.deltas.values())
    assert scales[-1] == 2.0
    assert set(scales[:-1]) == {0.25}


def test_scale_from_diffusers_settings(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    factors = files.random_factors({"unet": parts["unet"]}, ("to_q", "to_k"), seed=1, rank=4)
    settings = {
        "unet.r": 4,
        "unet.lora_alpha": 8,
        "unet.alpha_pattern": {"attn2.to_k": 2},
    }
    lora = read(
        files.write(
            tmp_path / "a.safetensors",
            files.diffusers_keys(factors),
            {"lora_adapter_metadata": json.dumps(settings)},
        )
    )
    for module, delta in lora.deltas.items():
        assert delta.scale == (0.5 if module.endswith("attn2.to_k") else 2.0)


def test_peft_folder_keeps_its_alpha_beside_the_file(
    tmp_path: Path, parts: dict[str, nn.Module]
) -> None:
    factors = files.random_factors({"unet": parts["unet"]}, ("to_q",), seed=1, rank=4)
    path = files.write(tmp_path / "adapter_model.safetensors", files.peft_keys(factors))
    (tmp_path / "adapter_config.json").write_text('{"lora_alpha": 2, "use_rslora": true}')
    _same(path, factors, 1.0)


def test_sdxl_blocks_of_kohya_are_renamed(tmp_path: Path) -> None:
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=2,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        cross_attention_dim=2048,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True,
    )
    names = {
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k": (
            "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
        ),
        "lora_unet_output_blocks_0_1_proj_in": "unet.up_blocks.0.attentions.0.proj_in",
        "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_out_0": (
            "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0"
        ),
    }
    tensors = {}
    for source, target in names.items():
        weight = unet.get_submodule(target.removeprefix("unet.")).weight
        tensors[f"{source}.lora_down.weight"] = torch.randn(2, weight.shape[1])
        tensors[f"{source}.lora_up.weight"] = torch.randn(weight.shape[0], 2)
    info = inspect(files.write(tmp_path / "xl.safetensors", tensors))
    assert info.problem is None
    assert set(info.layers) == set(names.values())
    assert FAMILIES.kin(info.traits) == Kin("sdxl", "SDXL")
    assert info.fits({"unet": unet}) is None
    assert "has 2048 values there, and 32 in this one" in (info.fits({"unet": tiny_unet()}) or "")


def test_info_and_hashes(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    factors = files.random_factors(parts, files.ATTENTION, seed=1, rank=6)
    path = files.write(
        tmp_path / "Ink.safetensors",
        files.diffusers_keys(factors),
        {
            "trigger_words": '["ink sketch", "ink sketch", ""]',
            "base_hash": "0123456789",
        },
    )
    info = inspect(path)
    assert (info.name, info.rank) == ("Ink", 6)
    assert FAMILIES.kin(info.traits).name == "sd"
    assert info.bytes == path.stat().st_size
    assert info.trigger_words == ("ink sketch",)
    assert info.metadata.base_hash == "0123456789"
    raw = path.read_bytes()
    lora = read(path)
    assert lora.content_hash == hashlib.sha256(raw).hexdigest()
    start = 8 + int.from_bytes(raw[:8], "little")
    assert lora.data_hash == hashlib.sha256(raw[start:]).hexdigest()


def test_kohya_metadata(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    factors = files.random_factors(parts, ("fc1",), seed=1)
    info = inspect(
        files.write(
            tmp_path / "k.safetensors",
            files.kohya_keys(factors),
            {
                "ss_tag_frequency": '{"10_x": {"boat": 3, "neon": 9}, "1_y": {"boat": 7}}',
                "ss_base_model_version": "sdxl_base_v1-0",
                "ss_sd_model_name": "base.safetensors",
            },
        )
    )
    assert info.trigger_words == ("boat", "neon")
    assert FAMILIES.kin(info.traits).name == "sdxl"
    assert info.metadata.base_name == "base.safetensors"


@pytest.mark.parametrize(
    "metadata",
    [
        {"ss_tag_frequency": "[1]"},
        {"ss_tag_frequency": '{"a": {"b": "c"}}'},
        {"trigger_words": '{"a": 1}'},
        {"trigger_words": "[[[["},
        {"lora_adapter_metadata": "7"},
        {"lora_adapter_metadata": '{"unet.alpha_pattern": ["(a+)+$"]}'},
    ],
)
def test_strange_metadata_is_as_good_as_absent(
    tmp_path: Path, parts: dict[str, nn.Module], metadata: dict[str, str]
) -> None:
    factors = files.random_factors(parts, ("to_q",), seed=1)
    path = files.write(tmp_path / "s.safetensors", files.diffusers_keys(factors), metadata)
    _same(path, factors)
    assert inspect(path).trigger_words == ()


def test_dora_by_its_settings(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    factors = files.random_factors(parts, ("to_q",), seed=1)
    path = files.write(
        tmp_path / "d.safetensors",
        files.diffusers_keys(factors),
        {
            "lora_adapter_metadata": '{"unet.use_dora": true}',
        },
    )
    assert "DoRA, but it holds no magnitudes" in (inspect(path).problem or "")


def test_one_by_one_convolution_and_linear_layer_are_the_same(
    tmp_path: Path, parts: dict[str, nn.Module]
) -> None:
    factors = files.random_factors({"unet": parts["unet"]}, ("proj_in",), seed=1)
    flat = {
        path: files.Factors(pair.A.flatten(1), pair.B.flatten(1)) for path, pair in factors.items()
    }
    path = files.write(tmp_path / "flat.safetensors", files.kohya_keys(flat))
    assert inspect(path).fits(parts) is None


@pytest.mark.parametrize(
    "rename",
    [
        lambda key: key.replace("unet.", "unet.base_model.model.", 1),
        lambda key: key.replace("lora_A", "lora_down").replace("lora_B", "lora_up"),
    ],
    ids=["PEFT's prefix behind the part", "OneTrainer's dotted names"],
)
def test_layouts_between_the_known_ones(
    tmp_path: Path, parts: dict[str, nn.Module], rename: Callable[[str], str]
) -> None:
    factors = files.random_factors({"unet": parts["unet"]}, ("to_q",), seed=1)
    tensors = {rename(key): value for key, value in files.diffusers_keys(factors).items()}
    assert set(tensors) != set(files.diffusers_keys(factors))
    _same(files.write(tmp_path / "x.safetensors", tensors), factors)


def test_whole_alphas_are_read_and_bundled_embeddings_named(
    tmp_path: Path, parts: dict[str, nn.Module]
) -> None:
    factors = files.random_factors({"unet": parts["unet"]}, ("to_q",), seed=1, rank=4)
    tensors = files.kohya_keys(factors)
    bases = {key.split(".", 1)[0] for key in tensors}
    tensors |= {f"{base}.alpha": torch.tensor(2) for base in bases}
    tensors["bundle_emb.myword.string_to_param.*"] = torch.zeros(2, 8)
    path = files.write(tmp_path / "x.safetensors", tensors)
    _same(path, factors, scale=0.5)
    assert inspect(path).bundled == ("myword",)


def test_factors_in_eight_bits_are_read(tmp_path: Path, parts: dict[str, nn.Module]) -> None:
    factors = files.random_factors({"unet": parts["unet"]}, ("to_q",), seed=1, rank=4)
    tensors = {k: v.to(torch.float8_e4m3fn) for k, v in files.kohya_keys(factors).items()}
    deltas = read(files.write(tmp_path / "x.safetensors", tensors)).deltas
    assert set(deltas) == set(factors)
    assert all(torch.allclose(deltas[p].A, factors[p].A, rtol=0.07, atol=0.02) for p in factors)


def test_biases_and_norms_are_left_out_and_counted(
    tmp_path: Path, parts: dict[str, nn.Module]
) -> None:
    factors = files.random_factors({"unet": parts["unet"]}, ("to_q",), seed=1, rank=4)
    tensors = files.kohya_keys(factors)
    tensors |= {"lora_unet_conv_in.diff_b": torch.zeros(16), "lora_unet_x.w_norm": torch.ones(3)}
    path = files.write(tmp_path / "x.safetensors", tensors)
    assert "2 biases and scales" in inspect(path).left_out[0]
    assert set(read(path).deltas) == set(factors)


def test_a_lora_for_another_base_says_what_its_trainer_calls_it(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    key = "diffusion_model.blocks.0.self_attn.q.lora_A.weight"
    files.write(path, {key: torch.ones(2, 2)}, {"modelspec.architecture": "wan2.1-t2v-14b/lora"})
    said = inspect(path).problem or ""
    assert "another kind of model" in said
    assert said.endswith("calls its base ‘wan2.1-t2v-14b/lora’.")

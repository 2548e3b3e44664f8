"""SDXL in a single file: what its shapes say, what is refused, and kohya's names for its LoRAs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from safetensors.torch import save_file

from backend.contracts.errors import ModelProblem
from backend.families import single_file as original
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.lora.file import read
from backend.models.lora.key_names import factors
from backend.models.lora.mix import LoraMixer
from backend.models.memory.devices import pick
from tests import lora_files as files
from tests.original import RELEASES, Release, _text, _unet, original_checkpoint

# The released sizes.
TRUE = Release((320, 640, 1280), (0, 2, 10), linear=True, context=2048, added=2816)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "checkpoints"
    return original_checkpoint(folder / "xl.safetensors", "sdxl")


@pytest.fixture(scope="module")
def model(path: Path) -> Checkpoint:
    info = Catalog([path.parent.parent], FAMILIES).checkpoint("xl")
    assert info.native_size == (1024, 1024)
    assert info.note is None
    return FAMILIES.load(info, pick("cpu", "bfloat16"))


def test_the_released_unet_is_read_off_its_shapes() -> None:
    shapes = dict(_unet(TRUE, 4))
    config = original._unet(
        shapes | {"conditioner.embedders.1.model.text_projection": (1280, 1280)}, "sdxl"
    )
    assert config["attention_head_dim"] == [5, 10, 20]
    assert config["transformer_layers_per_block"] == [1, 2, 10]
    assert config["addition_time_embed_dim"] == 256
    with torch.device("meta"):
        unet = UNet2DConditionModel(**config)
        tensors = {name: torch.empty(shape) for name, shape in shapes.items()}
    converted = convert_ldm_unet_checkpoint(tensors, config)
    assert {name: p.shape for name, p in unet.named_parameters()} == {
        name: tensor.shape for name, tensor in converted.items()
    }
    assert sum(p.numel() for p in unet.parameters()) == 2_567_463_684  # as published


def test_its_parts_are_loaded(model: Checkpoint) -> None:
    pooled = model.text.encode(["a fish"]).pooled
    added = model.network.added(pooled, torch.zeros(1, 4, 8, 8))
    assert added is not None
    assert added["time_ids"].tolist() == [[64, 64, 0, 0, 64, 64]]
    assert model.codec.scaling_factor == 0.13025
    assert model.codec.model.dtype == torch.float32
    first, second = model.text.modules.values()
    assert (first.config.hidden_act, second.config.hidden_act) == ("quick_gelu", "gelu")  # type: ignore[union-attr]
    encoded = model.text.encode(["a fish"])
    assert encoded.context.shape == (1, 77, RELEASES["sdxl"].context)
    assert encoded.context.dtype == torch.bfloat16
    assert not model.text.unconditional("").context.any()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [("conditioner.embedders.0.model.ln_final.weight", "refiner"), ("edm_mean", "EDM")],
)
def test_relatives_are_refused(tmp_path: Path, key: str, sentence: str) -> None:
    path = tmp_path / "other.safetensors"
    save_file({key: torch.zeros(1), "model.diffusion_model.out.2.weight": torch.zeros(1)}, path)
    with pytest.raises(ModelProblem, match=sentence):
        original.inspect_original(path, Card())


def test_a_lost_encoder_is_named(tmp_path: Path, path: Path) -> None:
    tensors = {name: torch.zeros(shape) for name, shape in _unet(RELEASES["sdxl"], 4)}
    tensors |= {name: torch.zeros(shape) for name, shape in _text("sdxl") if "embedders.0" in name}
    tensors["first_stage_model.post_quant_conv.weight"] = torch.zeros(4, 4, 1, 1)
    broken = tmp_path / "broken.safetensors"
    save_file(tensors, broken)
    with pytest.raises(ModelProblem, match="no text encoder"):
        original.inspect_original(broken, Card())


KOHYA = {
    "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q": (
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    ),
    "lora_unet_input_blocks_8_1_transformer_blocks_1_ff_net_0_proj": (
        "unet.down_blocks.2.attentions.1.transformer_blocks.1.ff.net.0.proj"
    ),
    "lora_unet_middle_block_1_transformer_blocks_1_attn2_to_k": (
        "unet.mid_block.attentions.0.transformer_blocks.1.attn2.to_k"
    ),
    "lora_unet_output_blocks_0_1_proj_in": "unet.up_blocks.0.attentions.0.proj_in",
    "lora_unet_output_blocks_5_1_transformer_blocks_0_attn2_to_out_0": (
        "unet.up_blocks.1.attentions.2.transformer_blocks.0.attn2.to_out.0"
    ),
    "lora_te1_text_model_encoder_layers_0_mlp_fc1": "text_encoder.encoder.layers.0.mlp.fc1",
    "lora_te2_text_model_encoder_layers_1_self_attn_q_proj": (
        "text_encoder_2.encoder.layers.1.self_attn.q_proj"
    ),
}


def test_kohyas_names() -> None:
    keys = [f"{base}.lora_{end}.weight" for base in KOHYA for end in ("down", "up")]
    found = factors([*keys, *(f"{base}.alpha" for base in KOHYA)])
    for base, module in KOHYA.items():
        assert found[f"{base}.lora_down.weight"] == (module, "A")
        assert found[f"{base}.lora_up.weight"] == (module, "B")


def test_a_kohya_lora_reaches_unet_and_both_encoders(model: Checkpoint, tmp_path: Path) -> None:
    parts = model.lora_parts
    tensors: dict[str, torch.Tensor] = {}
    for base, module in KOHYA.items():
        part, _, inner = module.partition(".")
        inner = inner if part != "text_encoder_2" else f"text_model.{inner}"
        pair = files.random_factors({part: parts[part]}, [inner], seed=1)[f"{part}.{inner}"]
        tensors |= {
            f"{base}.lora_down.weight": pair.A,
            f"{base}.lora_up.weight": pair.B,
            f"{base}.alpha": torch.tensor(2.0),
        }
    lora = read(files.write(tmp_path / "kohya.safetensors", tensors))
    assert FAMILIES.kin(lora.info.traits).name in ("sdxl", "sd")
    mixer = LoraMixer(parts, model.patches)
    assert mixer.fits(lora) is None
    plain = model.text.encode(["a fish"])
    with mixer.applied([(lora, 5.0)]):
        changed = model.text.encode(["a fish"], weights_key="kohya")
    assert not torch.equal(changed.context[..., :64], plain.context[..., :64])
    assert not torch.equal(changed.context[..., 64:], plain.context[..., 64:])
    assert changed.pooled is not None
    assert plain.pooled is not None
    assert not torch.equal(changed.pooled, plain.pooled)

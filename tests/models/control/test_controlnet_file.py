"""ControlNets in a single file of the original layout, against diffusers' own loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ControlNetModel
from safetensors.torch import load_file, save_file

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.control import controlnet
from backend.models.control.controlnet import load_controlnet
from backend.models.control.controlnet_file import controlnet_config
from backend.models.memory.devices import pick
from tests.original import Layout, original_checkpoint, original_controlnet

CPU = pick("cpu", "float32")


@pytest.mark.parametrize(("layout", "prefix"), [("sd1", "control_model."), ("sd2", "")])
def test_the_same_residuals_as_diffusers(tmp_path: Path, layout: Layout, prefix: str) -> None:
    path = original_controlnet(
        tmp_path / "ControlNet" / "a_canny.safetensors", layout, prefix=prefix
    )
    net = load_controlnet(Catalog([tmp_path], FAMILIES).find("controlnet", "a_canny"), CPU)
    (tmp_path / "config").mkdir()
    config = {"_class_name": "ControlNetModel", **controlnet_config(path)}
    (tmp_path / "config" / "config.json").write_text(json.dumps(config))
    theirs = ControlNetModel.from_single_file(
        str(path), config=str(tmp_path / "config"), local_files_only=True
    ).to(memory_format=CPU.memory_format)
    generator = torch.Generator().manual_seed(0)
    inputs = (
        torch.randn(1, 4, 8, 8, generator=generator),
        torch.tensor([500]),
        torch.randn(1, 77, 64, generator=generator),
        torch.rand(1, 3, 64, 64, generator=generator),
    )
    with torch.no_grad():
        ours, wanted = net.model(*inputs, return_dict=False), theirs(*inputs, return_dict=False)
    assert torch.equal(ours[1], wanted[1])
    assert all(torch.equal(a, b) for a, b in zip(ours[0], wanted[0], strict=True))
    assert float(ours[1].abs().max()) > 0


XL: dict[str, Any] = {
    "cross_attention_dim": 2048,
    "block_out_channels": (32, 64, 64),
    "attention_head_dim": (1, 1, 1),
    "transformer_layers_per_block": (1, 2, 3),
    "use_linear_projection": True,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 6 * 256 + 1280,
}
SD1: dict[str, Any] = {
    "cross_attention_dim": 768,
    "block_out_channels": (32, 64, 64, 64),
    "attention_head_dim": 8,
    "down_block_types": (*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"),
}


def under_diffusers_names(path: Path, config: dict[str, Any]) -> ControlNetModel:
    """Writes one, its zero convolutions zero no longer."""
    torch.manual_seed(0)
    net = ControlNetModel(
        norm_num_groups=32, conditioning_embedding_out_channels=(8, 8, 16, 32), **config
    )
    zero = [
        *net.controlnet_down_blocks,
        net.controlnet_mid_block,
        net.controlnet_cond_embedding.conv_out,
    ]
    for parameter in (p for module in zero for p in module.parameters()):
        torch.nn.init.normal_(parameter, std=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(net.state_dict(), path)
    return net.eval()


@pytest.mark.parametrize("config", [XL, SD1], ids=["sdxl", "sd1"])
def test_files_under_diffusers_names_are_read_off_their_shapes(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    theirs = under_diffusers_names(tmp_path / "controlnet" / "xl_canny.safetensors", config)
    info = Catalog([tmp_path], FAMILIES).find("controlnet", "xl_canny")
    net = load_controlnet(info, CPU)
    generator = torch.Generator().manual_seed(0)
    inputs = (
        torch.randn(2, 4, 8, 8, generator=generator),
        torch.tensor([500, 20]),
        torch.randn(2, 77, config["cross_attention_dim"], generator=generator),
        torch.rand(2, 3, 64, 64, generator=generator),
    )
    added = None
    if config is XL:
        added = {
            "text_embeds": torch.randn(2, 1280, generator=generator),
            "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2),
        }
    with torch.no_grad():
        ours, wanted = (
            model(*inputs, added_cond_kwargs=added, return_dict=False)
            for model in (net.model, theirs)
        )
    # Their memory layouts differ, so the sums are rounded differently.
    for a, b in zip((*ours[0], ours[1]), (*wanted[0], wanted[1]), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-4)
    assert float(ours[1].abs().max()) > 0
    assert controlnet.trained_on(info) == ("canny",)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("lora_controlnet", "Control-LoRA"),
        ("lllite_unet_input_blocks.down.0.weight", "LLLite"),
        ("task_embedding", "Union"),
    ],
)
def test_other_kinds_are_refused_by_name(tmp_path: Path, key: str, sentence: str) -> None:
    path = tmp_path / "controlnet" / "kind.safetensors"
    path.parent.mkdir()
    save_file({key: torch.zeros(1)}, path)
    with pytest.raises(ModelProblem, match=sentence):
        Catalog([tmp_path], FAMILIES).find("controlnet", "kind")


def test_heads_are_not_guessed(tmp_path: Path) -> None:
    under_diffusers_names(
        tmp_path / "controlnet" / "own.safetensors", SD1 | {"cross_attention_dim": 192}
    )
    with pytest.raises(ModelProblem, match="attention heads"):
        Catalog([tmp_path], FAMILIES).find("controlnet", "own")


def test_it_is_chosen_for_the_checkpoint_that_it_fits(tmp_path: Path) -> None:
    original_controlnet(tmp_path / "ControlNet" / "one_canny.safetensors", "sd1")
    original_checkpoint(tmp_path / "Stable-diffusion" / "base.safetensors", "sd1")
    catalog = Catalog([tmp_path], FAMILIES)
    found = controlnet.choose(catalog, catalog.checkpoint("base"), "canny", None)
    assert found.name == "one_canny"
    original_checkpoint(tmp_path / "Stable-diffusion" / "nine.safetensors", "sd1", in_channels=9)
    catalog.refresh()
    other = catalog.checkpoint("nine")
    assert not controlnet.fits(found, other)


def test_what_cannot_run_is_listed_with_the_reason(tmp_path: Path) -> None:
    path = original_controlnet(tmp_path / "controlnet" / "a.safetensors", "sd1")
    save_file(
        load_file(path) | {"difference": torch.zeros(1)},
        tmp_path / "controlnet" / "diff.safetensors",
    )
    save_file({"x": torch.zeros(1)}, tmp_path / "controlnet" / "other.safetensors")
    catalog = Catalog([tmp_path], FAMILIES)
    for name, sentence in (("diff", "difference"), ("other", "no ControlNet")):
        with pytest.raises(ModelProblem, match=sentence):
            catalog.find("controlnet", name)

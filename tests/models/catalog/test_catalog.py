"""The list of models: names, roots, changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.contracts.errors import UnknownName
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.catalog.traits import Traits, traits_of

UNET = "unet/diffusion_pytorch_model.safetensors"


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_lists_checkpoints_with_their_cards(root: Path) -> None:
    catalog = Catalog([root, root / "missing"], FAMILIES)
    eps, v = catalog.models()
    assert (eps.name, v.name) == ("tiny-eps", "tiny-v")
    assert eps.native_size == (64, 64)
    assert eps.card == Card()
    assert eps.card.guidance_scale == 7.0
    assert v.native_size == (96, 96)
    assert v.card.guidance_scale == 4.0
    assert v.card.known_words == ("fish",)
    files = (root / "checkpoints" / "tiny-eps").rglob("*.safetensors")
    assert eps.bytes == sum(path.stat().st_size for path in files)
    assert catalog.checkpoint("tiny-v") == v


def test_both_naming_habits_and_subfolders(root: Path, tmp_path: Path) -> None:
    source = root / "checkpoints" / "tiny-eps"
    shutil.copytree(source, tmp_path / "Stable-diffusion" / "group" / "deep")
    (tmp_path / "Lora").mkdir()
    key = "lora_unet_down_attn2_to_k.lora_down.weight"
    save_file({key: torch.zeros(4, 768)}, tmp_path / "Lora" / "Style.SafeTensors")
    shutil.copytree(source / "vae", tmp_path / "VAE" / "better")
    catalog = Catalog([tmp_path], FAMILIES)
    assert [info.name for info in catalog.models()] == ["deep"]
    (lora,) = catalog.models("lora")
    assert (lora.name, lora.family, lora.problem) == ("Style", "sd1", None)
    assert catalog.find("vae", "better").kind == "vae"


def test_the_first_root_wins_unless_it_is_broken(root: Path, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "second" / "checkpoints" / "x")
    roots = [tmp_path, tmp_path / "second"]
    assert Catalog(roots, FAMILIES).checkpoint("x").path == folder
    (folder / UNET).unlink()
    assert Catalog(roots, FAMILIES).checkpoint("x").path != folder


def test_unknown_names_suggest_near_ones(root: Path, tmp_path: Path) -> None:
    catalog = Catalog([root], FAMILIES)
    with pytest.raises(UnknownName, match="did you mean 'tiny-eps'") as error:
        catalog.checkpoint("Tiny_esp")
    assert error.value.field == "model"
    with pytest.raises(UnknownName, match="there are: tiny-eps, tiny-v"):
        catalog.checkpoint("../../etc")
    with pytest.raises(UnknownName, match="holds none"):
        Catalog([tmp_path], FAMILIES).checkpoint("x" * 10_000)


def test_refresh_sees_changes(folder: Path, tmp_path: Path) -> None:
    catalog = Catalog([tmp_path], FAMILIES)
    folder.rename(folder.with_name("renamed"))
    assert catalog.checkpoint("x")
    catalog.refresh()
    assert catalog.checkpoint("renamed")
    with pytest.raises(UnknownName):
        catalog.checkpoint("x")


def test_header_shapes(folder: Path) -> None:
    shapes = read_shapes(folder / UNET)
    assert shapes["conv_in.weight"] == (16, 4, 3, 3)
    assert FAMILIES.kin(traits_of({"x.attn2.to_k.weight": (320, 1024)})).name == "sd2"
    assert traits_of({"x.attn2.to_k.lora_B.weight": (320, 4)}) == Traits()


def test_tiny_decoders_are_found_by_family(root: Path, tmp_path: Path) -> None:
    from diffusers import AutoencoderTiny

    AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
    ).save_pretrained(tmp_path / "vae_approx" / "taesd")
    catalog = Catalog([tmp_path], FAMILIES)
    found = catalog.tiny_decoder("taesd")
    assert found is not None
    assert found.kind == "tiny_decoder"
    assert catalog.tiny_decoder("sdxl") is None


def test_two_files_of_one_name_are_both_reachable(tmp_path: Path) -> None:
    key = "lora_unet_down_attn2_to_k.lora_down.weight"
    for place in ("char/style", "pose/style", "peftA/adapter_model", "peftB/adapter_model"):
        path = tmp_path / "loras" / f"{place}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: torch.zeros(2, 768)}, path)
    catalog = Catalog([tmp_path], FAMILIES)
    assert [lora.name for lora in catalog.models("lora")] == [
        "peftA",
        "peftB",
        "pose/style",
        "style",
    ]
    for name, place in {
        "style": "char/style",
        "char/style": "char/style",
        "pose/style": "pose/style",
        "peftB": "peftB/adapter_model",
        "peftB/adapter_model": "peftB/adapter_model",
        "adapter_model": "peftA/adapter_model",
    }.items():
        found = catalog.find("lora", name).path
        assert found == tmp_path / "loras" / f"{place}.safetensors"


def test_of_two_files_of_one_name_each_has_its_whole_name(tmp_path: Path) -> None:
    key = "lora_unet_down_attn2_to_k.lora_down.weight"
    for folder in ("char", "pose"):
        (tmp_path / "loras" / folder).mkdir(parents=True)
        save_file({key: torch.zeros(4, 768)}, tmp_path / "loras" / folder / "style.safetensors")
    catalog = Catalog([tmp_path], FAMILIES)
    names = [info.name for info in catalog.models("lora")]
    others = catalog.aliases("lora")
    assert len(names) == 2
    for folder in ("char", "pose"):
        whole = f"{folder}/style"
        assert catalog.find("lora", others.get(whole, whole)).path.parent.name == folder
    assert not set(others) & set(names)

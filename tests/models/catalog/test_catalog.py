from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.contracts.errors import ModelProblem, UnknownName
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog, content_hash
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.catalog.widths import family_of

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """A copy of a checkpoint that may be damaged, in a root of its own (tmp_path)."""
    return Path(shutil.copytree(root / "checkpoints" / "tiny-eps", tmp_path / "checkpoints" / "x"))


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def problem(tmp_path: Path) -> str:
    (info,) = Catalog([tmp_path], FAMILIES).models()
    assert info.problem is not None
    with pytest.raises(ModelProblem) as error:
        Catalog([tmp_path], FAMILIES).checkpoint(info.name)
    assert info.problem in str(error.value)
    return info.problem


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


@pytest.mark.parametrize(
    "missing",
    [
        "model_index.json",
        UNET,
        "unet/config.json",
        "vae/config.json",
        "tokenizer/tokenizer.json",
        "scheduler/scheduler_config.json",
        "text_encoder/model.safetensors",
    ],
)
def test_a_missing_file_is_named(folder: Path, tmp_path: Path, missing: str) -> None:
    (folder / missing).unlink()
    named = "tokenizer/vocab.json" if "tokenizer" in missing else missing
    expected = f"x/{named}" if "/" not in named else named
    assert expected in problem(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000])
def test_damaged_json_is_named(folder: Path, tmp_path: Path, content: bytes) -> None:
    (folder / "unet" / "config.json").write_bytes(content)
    assert "unet/config.json is damaged" in problem(tmp_path)


def test_values_of_wrong_types_do_not_stop_the_scan(folder: Path, tmp_path: Path) -> None:
    edit(folder / "unet" / "config.json", sample_size={"a": 1})
    assert "configuration is damaged" in problem(tmp_path)


def test_a_truncated_file_is_named(folder: Path, tmp_path: Path) -> None:
    os.truncate(folder / UNET, 100_000)
    assert f"{UNET} is damaged: 100000 bytes" in problem(tmp_path)
    os.truncate(folder / UNET, 5)
    assert f"{UNET} is damaged" in problem(tmp_path)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(Path("ran-code").absolute()),)


@pytest.mark.parametrize("packing", ["pickle", "zip"])
def test_a_renamed_pickle_is_refused(folder: Path, tmp_path: Path, packing: str) -> None:
    if packing == "pickle":
        (folder / UNET).write_bytes(pickle.dumps(Evil()))
    else:
        with zipfile.ZipFile(folder / UNET, "w") as archive:
            archive.writestr("data.pkl", pickle.dumps(Evil()))
    assert "is a pickle or an archive" in problem(tmp_path)
    assert not Path("ran-code").exists()


def test_pickles_are_refused_by_name(folder: Path, tmp_path: Path) -> None:
    (folder / UNET).rename(folder / "unet" / "diffusion_pytorch_model.bin")
    assert "pickled weights only" in problem(tmp_path)
    shutil.rmtree(folder)
    (tmp_path / "checkpoints" / "old.CKPT").write_bytes(b"\x80\x04")
    assert "old.CKPT is a pickle" in problem(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_class_name": "FluxPipeline"}, "kind 'FluxPipeline'"),
        ({"unet": ["my_code", "UNet2DConditionModel"]}, "not one of the classes"),
        ({"unet": ["diffusers", "EvilModel"]}, "'EvilModel' as unet"),
        ({"unet": [None, None]}, "as unet"),
        ({"extra": ["diffusers", "AutoencoderKL"]}, "as extra"),
        ({"safety_checker": ["my_code", "X"]}, "as safety_checker"),
    ],
)
def test_classes_come_from_an_allow_list(
    folder: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    edit(folder / "model_index.json", **changes)
    assert message in problem(tmp_path)


def test_known_parts_that_are_not_loaded_are_fine(folder: Path, tmp_path: Path) -> None:
    edit(
        folder / "model_index.json",
        safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"],
        feature_extractor=["transformers", "CLIPImageProcessor"],
    )
    assert Catalog([tmp_path], FAMILIES).checkpoint("x")


def test_depth_checkpoints_are_refused(folder: Path, tmp_path: Path) -> None:
    edit(folder / "unet" / "config.json", in_channels=5)
    assert "depth" in problem(tmp_path)


def test_inpainting_checkpoints_are_accepted(folder: Path, tmp_path: Path) -> None:
    edit(folder / "unet" / "config.json", in_channels=9)
    edit(folder / "model_index.json", _class_name="StableDiffusionInpaintPipeline")
    assert Catalog([tmp_path], FAMILIES).checkpoint("x")


def test_shards_outside_the_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / UNET).unlink()
    index = folder / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))
    assert "index.json is damaged" in problem(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "part-1.safetensors"}}))
    assert "part-1.safetensors cannot be read: no such file" in problem(tmp_path)


def test_a_damaged_card_leaves_the_model_usable(folder: Path, tmp_path: Path) -> None:
    (folder / "card.json").write_text('{"guidance_scale": "lots"}')
    info = Catalog([tmp_path], FAMILIES).checkpoint("x")
    assert info.card == Card()
    assert info.note is not None
    assert "'guidance_scale'" in info.note


def test_cards_take_pairs_and_groups(folder: Path, tmp_path: Path) -> None:
    card = {"name": "X", "native_size": [128, 64], "known_words": {"a": ["b"], "c": ["d", "e"]}}
    (folder / "card.json").write_text(json.dumps(card))
    info = Catalog([tmp_path], FAMILIES).checkpoint("x")
    assert info.native_size == (128, 64)
    assert info.card.known_words == ("b", "d", "e")
    assert info.card.title == "X"


def test_a_file_that_is_no_checkpoint_is_listed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    save_file({"w": torch.zeros(2)}, tmp_path / "checkpoints" / "v1-5.safetensors")
    assert "holds no UNet" in problem(tmp_path)


def test_content_hash_is_the_files_sha256_and_follows_changes(folder: Path, tmp_path: Path) -> None:
    info = Catalog([tmp_path], FAMILIES).checkpoint("x")
    digest = hashlib.sha256((folder / UNET).read_bytes()).hexdigest()
    assert content_hash(info) == digest[:10]
    data = bytearray((folder / UNET).read_bytes())
    data[-1] ^= 1
    (folder / UNET).write_bytes(bytes(data))
    os.utime(folder / UNET, ns=(1, 1))
    assert content_hash(info) == hashlib.sha256(data).hexdigest()[:10]


def test_content_hash_is_remembered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = Catalog([tmp_path], FAMILIES).checkpoint("x")
    first = content_hash(info)
    monkeypatch.setattr(hashlib, "sha256", None)
    assert content_hash(info) == first


def test_header_shapes(folder: Path) -> None:
    shapes = read_shapes(folder / UNET)
    assert shapes["conv_in.weight"] == (16, 4, 3, 3)
    assert family_of({"x.attn2.to_k.weight": (320, 1024)}) == "sd2"
    assert family_of({"x.attn2.to_k.lora_B.weight": (320, 4)}) == ""


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

"""What a file or folder is, and why it cannot be used, told without loading it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog

UNET = "unet/diffusion_pytorch_model.safetensors"


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(Path("ran-code").absolute()),)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def problem(tmp_path: Path) -> str:
    (info,) = Catalog([tmp_path], FAMILIES).models()
    assert info.problem is not None
    with pytest.raises(ModelProblem) as error:
        Catalog([tmp_path], FAMILIES).checkpoint(info.name)
    assert info.problem in str(error.value)
    return info.problem


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
    (tmp_path / "checkpoints" / "old.CKPT").rename(tmp_path / "checkpoints" / "flux-Q4_0.gguf")
    assert "flux-Q4_0.gguf is not a GGUF file" in problem(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_class_name": "WuerstchenPipeline"}, "kind 'WuerstchenPipeline'"),
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

"""From a catalog entry to a model: what stands beside it, and what does not belong together."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.families.stable_diffusion_loading import skeleton
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.entry import ModelInfo
from backend.models.memory.devices import pick
from tests.tiny import tiny_checkpoint, tiny_sdxl

CPU = pick("cpu", "float32")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_sdxl(root / "checkpoints" / "xl")
    return root


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole / "checkpoints" / "tiny", tmp_path / "checkpoints" / "tiny"))


def info(folder: Path) -> ModelInfo:
    return Catalog([folder.parent.parent], FAMILIES).checkpoint(folder.name)


def tiny_decoder(folder: Path, channels: int) -> ModelInfo:
    tiny = AutoencoderTiny(
        latent_channels=channels,
        encoder_block_out_channels=(4, 4, 4, 4),
        decoder_block_out_channels=(4, 4, 4, 4),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    )
    tiny.save_pretrained(folder)
    weights = (folder / "diffusion_pytorch_model.safetensors",)
    return ModelInfo("taesd", folder, "tiny_decoder", weights=weights)


@pytest.mark.parametrize(("channels", "taken"), [(4, True), (8, False)])
def test_a_tiny_decoder_is_taken_where_it_reads_such_latents(
    folder: Path, tmp_path: Path, channels: int, taken: bool
) -> None:
    decoder = tiny_decoder(tmp_path / "taesd", channels)
    assert (FAMILIES.load(info(folder), CPU, decoder).tiny is not None) is taken
    assert FAMILIES.load(info(folder), CPU).tiny is None


def test_a_tokenizer_that_knows_more_than_the_encoder_is_refused(folder: Path) -> None:
    found = info(folder)
    path = folder / "tokenizer" / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    known = len(tokenizer["model"]["vocab"])
    tokenizer["model"]["vocab"] |= {f"more{i}": known + i for i in range(3)}
    path.write_text(json.dumps(tokenizer))
    with pytest.raises(ModelProblem) as error:
        FAMILIES.load(found, CPU)
    assert str(error.value) == (
        f"The tokenizer knows {known + 3} tokens, the text encoder only {known}: they do not "
        "belong together."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"tokenizer/vocab\.json is missing"),
        ("{", r"tokenizer/tokenizer\.json is damaged"),
        ("{}", "tokenizer cannot be"),
    ],
)
def test_a_tokenizer_that_went_bad_is_named(folder: Path, content: str | None, said: str) -> None:
    found, path = info(folder), folder / "tokenizer" / "tokenizer.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ModelProblem, match=said):
        FAMILIES.load(found, CPU)


def test_weights_in_half_precision_are_found_by_their_name(folder: Path) -> None:
    plain = folder / "unet" / "diffusion_pytorch_model.safetensors"
    wanted = FAMILIES.load(info(folder), CPU).network.model.conv_in.weight
    plain.rename(plain.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert torch.equal(FAMILIES.load(info(folder), CPU).network.model.conv_in.weight, wanted)


def test_what_changed_since_the_catalog_looked_is_said(folder: Path) -> None:
    found = info(folder)
    (folder / "vae" / "config.json").unlink()
    with pytest.raises(ModelProblem, match=r"vae/config\.json is missing"):
        FAMILIES.load(found, CPU)


def test_prediction_is_what_scheduler_and_card_say(folder: Path) -> None:
    found = info(folder)
    card = found.card.model_copy(update={"prediction_type": "v_prediction"})
    assert FAMILIES.load(found, CPU).prediction_type == "epsilon"
    assert FAMILIES.load(replace(found, card=card), CPU).prediction_type == "v_prediction"


@pytest.mark.parametrize(
    ("name", "parts"),
    [("tiny", ("text_encoder",)), ("xl", ("text_encoder", "text_encoder_2"))],
)
def test_a_skeleton_has_the_layers_and_no_weights(
    whole: Path, name: str, parts: tuple[str, ...]
) -> None:
    found = Catalog([whole], FAMILIES).checkpoint(name)
    bones = skeleton(found, parts)
    assert set(bones) == {"unet", *parts}
    model = FAMILIES.load(found, CPU)
    for part, module in bones.items():
        assert all(value.is_meta for value in module.parameters())
        real = {key: value.shape for key, value in model.lora_parts[part].named_parameters()}
        assert {key: value.shape for key, value in module.named_parameters()} == real

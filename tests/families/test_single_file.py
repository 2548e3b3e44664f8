from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.contracts.errors import ModelProblem
from backend.families.configs import part_config
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.entry import ModelInfo
from backend.models.memory.devices import pick
from backend.models.text.clip_vocabulary import PAD, clip_tokenizer
from tests.original import WIDTHS, original_checkpoint
from tests.tiny import tiny_checkpoint

CPU = pick("cpu", "float32")


def found(path: Path) -> ModelInfo:
    return Catalog([path.parent.parent], FAMILIES).models()[0]


@pytest.fixture(scope="module")
def sd2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sd2") / "checkpoints"
    return original_checkpoint(folder / "sd2.safetensors", "sd2")


@pytest.fixture
def place(sd2: Path, tmp_path: Path) -> Path:
    """An SD 2.x file in a folder of its own, where a test may put things beside it."""
    path = tmp_path / "Stable-diffusion" / "sd2.safetensors"
    path.parent.mkdir()
    path.hardlink_to(sd2)
    return path


def test_clip_has_its_own_numbers() -> None:
    # The released tokenizer's ids of these words.
    tokenizer = clip_tokenizer()
    ids = tokenizer("a photo of an astronaut riding a horse", add_special_tokens=False).input_ids
    assert ids == [320, 1125, 539, 550, 18376, 6765, 320, 4558]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (49406, 49407)
    assert tokenizer.pad_token_id == 49407
    assert clip_tokenizer(PAD["sd2"]).pad_token_id == 0
    assert len(tokenizer) == 49408


def test_a_missing_vocabulary_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.models.text import clip_vocabulary

    clip_vocabulary._vocabulary.cache_clear()
    monkeypatch.setattr(clip_vocabulary, "find_spec", lambda name: None)
    with pytest.raises(ModelProblem, match="pip install open_clip_torch"):
        clip_tokenizer()


def test_widths_are_read_off_the_shapes(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "a.safetensors"
    original_checkpoint(path, "sd1", in_channels=9)
    info = found(path)
    unet = part_config(info, "unet")
    assert (unet["block_out_channels"], unet["in_channels"]) == (list(WIDTHS), 9)
    assert unet["attention_head_dim"] == 8
    assert not unet["use_linear_projection"]
    assert part_config(info, "scheduler")["prediction_type"] == "epsilon"
    assert (info.native_size, info.bytes, info.note) == ((512, 512), path.stat().st_size, None)
    loaded = FAMILIES.load(info, CPU)
    assert loaded.network.in_channels == 9
    assert loaded.text.model.config.num_hidden_layers == 3
    assert loaded.nbytes > 0


def test_sd2_is_taken_for_v_and_says_so(place: Path) -> None:
    info = found(place)
    assert info.note is not None
    assert "epsilon" in info.note
    assert info.native_size == (768, 768)
    loaded = FAMILIES.load(info, CPU)
    assert loaded.prediction_type == "v_prediction"
    assert loaded.text.model.config.num_hidden_layers == 23


def test_sd2_without_its_last_block_is_the_same_model(place: Path, tmp_path: Path) -> None:
    short = tmp_path / "short" / "checkpoints" / "short.safetensors"
    short.parent.mkdir(parents=True)
    tensors = load_file(place)
    save_file({name: t for name, t in tensors.items() if ".resblocks.23." not in name}, short)
    texts = [FAMILIES.load(found(path), CPU).text for path in (place, short)]
    whole, less = (text.encode(["a red house"]).context for text in texts)
    assert torch.equal(whole, less)


def same_pictures(one: Path, other: Path) -> bool:
    models = [FAMILIES.load(found(path), CPU) for path in (one, other)]
    texts = [model.text.encode(["a house"]).context for model in models]
    latents = torch.ones(1, 4, 8, 8)
    pictures = [torch.as_tensor(model.codec.decode(latents)) for model in models]
    return torch.equal(*texts) and torch.equal(*pictures)


@pytest.fixture(scope="module")
def sd1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sd1") / "checkpoints"
    return original_checkpoint(folder / "sd1.safetensors", "sd1")


def test_an_odd_prefix_before_every_name_goes(sd1: Path, tmp_path: Path) -> None:
    odd = tmp_path / "checkpoints" / "odd.safetensors"
    odd.parent.mkdir()
    save_file({f"state_dict.{name}": value for name, value in load_file(sd1).items()}, odd)
    assert found(odd).problem is None
    assert same_pictures(sd1, odd)


def test_a_merge_without_a_level_of_names_and_with_strangers_tensors_draws_the_same(
    sd1: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "checkpoints" / "odd.sft"
    odd.parent.mkdir()
    tensors = {name.replace(".text_model.", "."): value for name, value in load_file(sd1).items()}
    strangers = {
        **{"control_model.zero_convs.0.0.weight": torch.ones(4)},
        **{"embedding_manager.embedder.x": torch.ones(2), "denoiser.sigmas": torch.ones(1000)},
        **{"first_stage_model.loss.logvar": torch.ones(()), "alphas_cumprod": torch.ones(1000)},
        **{"cond_stage_model.logit_scale": torch.ones(()), "lora_te_x.alpha": torch.ones(())},
    }
    save_file(tensors | strangers, odd)
    assert found(odd).problem is None
    assert same_pictures(sd1, odd)


def test_an_autoencoder_beside_the_file_stands_in(sd1: Path, tmp_path: Path) -> None:
    bare = tmp_path / "checkpoints" / "bare.safetensors"
    bare.parent.mkdir()
    tensors = load_file(sd1)
    vae = {name: value for name, value in tensors.items() if name.startswith("first_stage_model.")}
    save_file({name: value for name, value in tensors.items() if name not in vae}, bare)
    assert "beside it as bare.vae.safetensors" in (found(bare).problem or "")
    beside = bare.with_name("bare.vae.safetensors")
    save_file({name.removeprefix("first_stage_model."): v for name, v in vae.items()}, beside)
    assert found(bare).problem is None
    assert same_pictures(sd1, bare)


def test_eight_bits_with_and_without_scales(sd1: Path, tmp_path: Path) -> None:
    plain = tmp_path / "a" / "checkpoints" / "plain.safetensors"
    scaled = tmp_path / "b" / "checkpoints" / "scaled.safetensors"
    tensors = load_file(sd1)
    whole = {n: v.to(torch.float8_e4m3fn) if v.ndim > 1 else v for n, v in tensors.items()}
    name = "model.diffusion_model.input_blocks.0.0.weight"
    parts = {name: (whole[name].float() / 2).to(torch.float8_e4m3fn)}
    scale = {name.removesuffix(".weight") + ".scale_weight": torch.tensor(2.0)}
    for path, content in ((plain, whole), (scaled, whole | parts | scale)):
        path.parent.mkdir(parents=True)
        save_file(content, path)
        loaded = FAMILIES.load(found(path), CPU)
        assert loaded.nbytes > 0
        unet: Any = loaded.network
        kept = unet.model.conv_in.weight
        assert torch.allclose(kept, whole[name].float(), atol=0.02)


def test_copies_of_the_averaged_weights_are_passed_over(sd1: Path, tmp_path: Path) -> None:
    both = tmp_path / "checkpoints" / "both.safetensors"
    both.parent.mkdir()
    tensors = load_file(sd1)
    unet = "model.diffusion_model."
    copies = {
        "model_ema." + name.removeprefix("model.").replace(".", ""): value + 1
        for name, value in tensors.items()
        if name.startswith(unet)
    }
    save_file(tensors | copies, both)
    assert same_pictures(sd1, both)


def _card(path: Path) -> None:
    path.with_suffix(".card.json").write_text(json.dumps({"prediction_type": "epsilon"}))


def _yaml(path: Path) -> None:
    path.with_suffix(".yaml").write_text("model:\n  params:\n    linear_start: 0.00085\n")


@pytest.mark.parametrize("say", [_card, _yaml])
def test_a_file_beside_it_says_epsilon(place: Path, say: Callable[[Path], None]) -> None:
    say(place)
    info = found(place)
    assert part_config(info, "scheduler")["prediction_type"] == "epsilon"
    assert (info.native_size, info.note) == ((512, 512), None)


def test_yaml_says_v(place: Path) -> None:
    place.with_suffix(".yaml").write_text('model:\n  params:\n    parameterization: "v"\n')
    assert part_config(found(place), "scheduler")["prediction_type"] == "v_prediction"
    assert found(place).note is None


@pytest.mark.parametrize(
    ("markers", "metadata", "prediction", "zero_snr"),
    [
        (("v_pred",), {}, "v_prediction", False),
        (("v_pred", "ztsnr"), {}, "v_prediction", True),
        ((), {"modelspec.prediction_type": "v"}, "v_prediction", False),
        ((), {"modelspec.predict_key": "epsilon"}, "epsilon", False),
    ],
)
def test_marks_inside_the_file(
    tmp_path: Path,
    markers: tuple[str, ...],
    metadata: dict[str, str],
    prediction: str,
    zero_snr: bool,
) -> None:
    path = tmp_path / "checkpoints" / "a.safetensors"
    original_checkpoint(path, "sd1", markers=markers, metadata=metadata)
    scheduler = part_config(found(path), "scheduler")
    assert scheduler["prediction_type"] == prediction
    assert scheduler["rescale_betas_zero_snr"] is zero_snr
    assert scheduler["timestep_spacing"] == ("trailing" if zero_snr else "leading")


def test_the_card_overrides_a_folder_too(tmp_path: Path) -> None:
    from dataclasses import replace

    tiny_checkpoint(tmp_path / "checkpoints" / "tiny-eps")
    info = Catalog([tmp_path], FAMILIES).checkpoint("tiny-eps")
    card = info.card.model_copy(update={"prediction_type": "v_prediction"})
    assert FAMILIES.load(replace(info, card=card), CPU).prediction_type == "v_prediction"
    assert FAMILIES.load(info, CPU).prediction_type == "epsilon"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("conditioner.embedders.0.x", "SDXL"),
        ("diffusion_model.x", "holds no UNet"),
        ("model.diffusion_model.x", "no autoencoder"),
    ],
)
def test_other_files_are_listed_with_the_reason(tmp_path: Path, key: str, message: str) -> None:
    (tmp_path / "checkpoints").mkdir()
    save_file({key: torch.zeros(2)}, tmp_path / "checkpoints" / "a.safetensors")
    info = Catalog([tmp_path], FAMILIES).models()[0]
    assert info.problem is not None
    assert message in info.problem


VICTIMS = (
    "model.diffusion_model.middle_block.1.proj_in.weight",
    "first_stage_model.decoder.mid.attn_1.q.weight",
    "cond_stage_model.model.transformer.resblocks.3.mlp.c_fc.weight",
)


@pytest.mark.parametrize(
    ("name", "damage"),
    list(zip(VICTIMS, ["missing", "shape", "not finite"], strict=True)),
)
def test_a_damaged_file_never_runs(sd2: Path, tmp_path: Path, name: str, damage: str) -> None:
    tensors = load_file(sd2)
    whole = tensors.pop(name)
    if damage == "shape":
        tensors[name] = torch.zeros(3, 5)
    elif damage == "not finite":
        tensors[name] = torch.full_like(whole, torch.nan)
    path = tmp_path / "checkpoints" / "a.safetensors"
    path.parent.mkdir()
    save_file(tensors, path)
    with pytest.raises(ModelProblem, match=r"a\.safetensors"):
        FAMILIES.load(found(path), CPU)


def test_half_precision(place: Path) -> None:
    half = FAMILIES.load(found(place), pick("cpu", "bfloat16"))
    assert half.network.model.dtype == half.codec.model.dtype == torch.bfloat16
    assert half.text.model.dtype == torch.bfloat16

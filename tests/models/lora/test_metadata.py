"""What trainers write beside a LoRA: words, base model, scales; and a stranger's text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.traits import Traits
from backend.models.lora.metadata import MAX_WORDS, Metadata, read_metadata

FILE = Path("ink.safetensors")


def words(**raw: str) -> tuple[str, ...]:
    return read_metadata(
        {key.replace("__", "."): value for key, value in raw.items()}, FILE
    ).trigger_words


def test_words_of_our_trainer_go_before_a_phrase_and_that_before_tags() -> None:
    tags = json.dumps({"set": {"ink": 3, "house": 9, "x": "many"}, "other": {"ink": 7}})
    assert words(ss_tag_frequency=tags) == ("ink", "house")
    assert words(ss_tag_frequency=tags, modelspec__trigger_phrase="ink, brush") == ("ink", "brush")
    assert words(trigger_words='["a", " a ", "", "b", 3]', modelspec__trigger_phrase="ink") == (
        "a",
        "b",
    )


def test_words_are_few_and_short() -> None:
    found = words(trigger_words=json.dumps([f"{n}" * 500 for n in range(50)]))
    assert len(found) == MAX_WORDS
    assert max(len(word) for word in found) == 200


@pytest.mark.parametrize("text", ["{", "[]", "null", "7", "[" * 100_000, '"x"'])
def test_what_does_not_parse_is_as_good_as_absent(text: str) -> None:
    raw = dict.fromkeys(("trigger_words", "ss_tag_frequency", "lora_adapter_metadata"), text)
    assert read_metadata(raw, FILE) == Metadata()


@pytest.mark.parametrize(
    ("raw", "family"),
    [
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "sdxl"),
        ({"modelspec.architecture": "stable-diffusion-v1/lora"}, "sd1"),
        ({"ss_base_model_version": "sd_v2"}, "sd2"),
        ({"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl"),
        ({"ss_base_model_version": "sd_xl_base"}, "sdxl"),
        ({"ss_base_model_version": "flux1"}, ""),
        ({}, ""),
    ],
)
def test_the_family_is_read_from_what_trainers_call_it(raw: dict[str, str], family: str) -> None:
    said = read_metadata(raw, FILE).architecture
    assert FAMILIES.kin(Traits(said=said)).name == family


def configured(**config: Any) -> Metadata:
    flat = {f"unet.{key}": value for key, value in config.items()}
    return read_metadata({"lora_adapter_metadata": json.dumps(flat)}, FILE)


@pytest.mark.parametrize(
    ("config", "alpha", "expected"),
    [
        ({}, None, 1.0),
        ({}, 2.0, 0.5),
        ({"lora_alpha": 8}, None, 2.0),
        ({"lora_alpha": 8}, 2.0, 0.5),
        ({"lora_alpha": 8, "use_rslora": True}, None, 4.0),
        ({"lora_alpha": 8, "alpha_pattern": {"attn.to_q": 2}}, None, 0.5),
        ({"lora_alpha": 8, "alpha_pattern": {"^attn.to_q": 2}}, None, 2.0),
        ({"lora_alpha": 8, "alpha_pattern": {"^down.attn.to_q$": 2}}, None, 0.5),
    ],
)
def test_the_scale_is_alpha_over_rank(
    config: dict[str, Any], alpha: float | None, expected: float
) -> None:
    assert configured(**config).scale("unet.down.attn.to_q", 4, alpha) == expected


@pytest.mark.parametrize("alpha", ["8", [8], None, float("inf")])
def test_a_scale_that_is_no_number_is_refused(alpha: Any) -> None:
    with pytest.raises(ModelProblem, match="not a number"):
        configured(lora_alpha=alpha).scale("unet.x", 4, None)


def test_pefts_settings_lie_beside_its_file(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"lora_alpha": 8}))
    peft = read_metadata({}, tmp_path / "adapter_model.safetensors")
    assert peft.scale("text_encoder.x", 4, None) == 2.0
    assert read_metadata({}, tmp_path / "other.safetensors") == Metadata()


def test_settings_may_say_that_it_is_a_dora() -> None:
    assert configured(use_dora=True).is_dora
    assert not configured(use_dora=False).is_dora
    assert not Metadata().is_dora

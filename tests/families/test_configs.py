"""Configs of a checkpoint's parts: from files, the card having the last word, or from weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend.contracts.errors import ModelProblem
from backend.families.configs import part_config
from backend.models.catalog.card import Card
from backend.models.catalog.entry import ModelInfo
from tests.original import original_checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> ModelInfo:
    for part, name in (("unet", "config"), ("vae", "config"), ("scheduler", "scheduler_config")):
        (tmp_path / part).mkdir()
        (tmp_path / part / f"{name}.json").write_text(
            json.dumps({"part": part, "prediction_type": "epsilon"})
        )
    return ModelInfo("tiny", tmp_path, "checkpoint")


def test_a_part_is_read_from_its_folder(folder: ModelInfo) -> None:
    assert part_config(folder, "unet")["part"] == "unet"
    assert part_config(folder, "vae")["part"] == "vae"
    with pytest.raises(ModelProblem, match=r"text_encoder/config\.json is missing"):
        part_config(folder, "text_encoder")


def test_the_card_corrects_the_scheduler_alone(folder: ModelInfo) -> None:
    plain = part_config(folder, "scheduler")
    assert plain == {"part": "scheduler", "prediction_type": "epsilon"}
    card = Card(prediction_type="v_prediction", zero_terminal_snr=True)
    told = replace(folder, card=card)
    assert part_config(told, "scheduler") == plain | {
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
    }
    assert part_config(told, "unet")["prediction_type"] == "epsilon"
    off = replace(folder, card=Card(zero_terminal_snr=False))
    assert part_config(off, "scheduler")["rescale_betas_zero_snr"] is False
    assert part_config(folder, "scheduler") == plain  # what was read before is not changed


def test_a_single_file_tells_them_by_its_weights(tmp_path: Path) -> None:
    path = original_checkpoint(tmp_path / "one.safetensors", "sd1")
    info = ModelInfo("one", path, "checkpoint")
    assert part_config(info, "unet")["in_channels"] == 4
    assert part_config(info, "vae")["latent_channels"] == 4
    assert part_config(info, "scheduler")["prediction_type"] == "epsilon"
    card = Card(prediction_type="v_prediction")
    told = part_config(replace(info, card=card), "scheduler")
    assert told["prediction_type"] == "v_prediction"

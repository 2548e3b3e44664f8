"""What a LoRA is fitted with: paths, steps, rates, and what CONFIG.json may not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from backend.contracts.errors import BadInput
from backend.training.adapter import ATTENTION, CONVOLUTIONS
from backend.training.config import TrainingConfig, read_config

OUT = Path("loras/ink.safetensors")


def test_checkpoints_and_state_lie_beside_the_output() -> None:
    config = TrainingConfig(output=OUT)
    assert config.work_folder == Path("loras/.training")
    assert config.state_path == Path("loras/.training/ink.state.safetensors")


@pytest.mark.parametrize(
    ("values", "examples", "expected"),
    [
        ({"epochs": 3}, 5, 15),
        ({"epochs": 3, "batch_size": 2}, 5, 9),
        ({"epochs": 3, "batch_size": 2, "accumulation": 2}, 5, 6),
        ({"epochs": 3, "steps": 7}, 5, 7),
    ],
)
def test_a_fit_has_whole_passes_or_the_steps_asked_for(
    values: dict[str, int], examples: int, expected: int
) -> None:
    assert (
        TrainingConfig.model_validate({"output": OUT, **values}).total_steps(examples) == expected
    )


def test_the_rate_stays_or_falls_along_half_a_cosine() -> None:
    flat = TrainingConfig(output=OUT, learning_rate=0.1)
    assert {flat.rate_at(step, 10) for step in range(10)} == {0.1}
    falling = TrainingConfig(output=OUT, learning_rate=0.1, lr_schedule="cosine")
    rates = [falling.rate_at(step, 10) for step in range(11)]
    assert rates[0] == 0.1
    assert rates[5] == pytest.approx(0.05)
    assert rates[10] == pytest.approx(0.0)
    assert rates == sorted(rates, reverse=True)


def test_convolutions_are_fitted_where_asked_for() -> None:
    assert TrainingConfig(output=OUT).targets == ATTENTION
    assert TrainingConfig(output=OUT, convolutions=True).targets == ATTENTION + CONVOLUTIONS


def test_a_lora_is_a_safetensors_file() -> None:
    with pytest.raises(ValidationError, match=r"must end in \.safetensors"):
        TrainingConfig(output=Path("ink.pt"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rank": 0}, "'rank'"),
        ({"rang": 8}, "'rang'"),
        ({"resolution": 0}, "'resolution'"),
        ({"output": "ink.bin"}, "safetensors"),
    ],
)
def test_a_config_names_the_setting_at_fault(
    values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "CONFIG.json"
    good = {"output": "ink.safetensors", "model": "pocket", "data": "pictures"}
    path.write_text(json.dumps(good))
    assert read_config(path).model == "pocket"
    path.write_text(json.dumps(good | values))
    with pytest.raises(BadInput, match=said):
        read_config(path)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_json_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "CONFIG.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"CONFIG\.json"):
        read_config(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_config(tmp_path / "none.json")

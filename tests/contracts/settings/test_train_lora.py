"""Settings of a training: names that become files, presets, and sentences."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings.train_lora import PRESETS, TrainLoraSettings, parse_training


@pytest.mark.parametrize("name", ["ink", "my ink 2", "Tusche ä", "a.b"])
def test_a_name_that_a_file_can_have_is_taken(name: str) -> None:
    assert parse_training({"name": name}).name == name


@pytest.mark.parametrize("name", [" ink", "ink ", ".ink", "ink.", "a/b", "a:b", "a\nb", "a\0b"])
def test_another_is_refused(name: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_training({"name": name})
    assert refused.value.field == "name"


@pytest.mark.parametrize("values", [{}, {"name": ""}])
def test_a_name_is_asked_for(values: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"Give the LoRA a name\.") as refused:
        parse_training(values)
    assert refused.value.field == "name"


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_what_is_open_comes_from_the_preset(preset: str) -> None:
    made = parse_training({"name": "ink", "preset": preset}).resolved(320)
    assert made.resolution == 320
    for field, value in PRESETS[preset].items():  # type: ignore[index]
        assert getattr(made, field) == value


def test_what_was_asked_for_goes_before_the_preset() -> None:
    asked = TrainLoraSettings(name="ink", rank=3, epochs=2, resolution=64)
    made = asked.resolved(320)
    assert (made.rank, made.epochs, made.resolution) == (3, 2, 64)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rank": 0}, "'rank'"),
        ({"learning_rate": 0}, "'learning_rate'"),
        ({"noise_offset": 1.5}, "'noise_offset'"),
        ({"epochs": "many"}, "'epochs'"),
        ({"resume": 1}, "'resume'"),
        ({"glow": 1}, "'glow'"),
    ],
)
def test_the_first_field_at_fault_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_training({"name": "ink"} | values)
    assert str(refused.value).startswith(said)
    assert str(refused.value).endswith(".")

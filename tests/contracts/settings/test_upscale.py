"""Upscale's settings: the size they come to, what is compared, what cannot run."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import UpscaleSettings, parse


def settings(**values: object) -> UpscaleSettings:
    found = parse("upscale", values)
    assert isinstance(found, UpscaleSettings)
    return found


def test_the_size_is_factor_times_the_pictures() -> None:
    sized = settings(factor=2.5).enlarging(101, 64)
    assert sized.drawn_size == (252, 160)
    assert settings(factor=1.5).enlarging(100, 64, 8).drawn_size == (152, 96)


def test_a_size_that_is_given_stays() -> None:
    assert settings(width=300, height=200).enlarging(10, 10, 8).drawn_size == (300, 200)


def test_only_what_is_drawn_again_needs_a_model() -> None:
    assert not settings().needs_model
    assert settings(strength=0.3).needs_model


def test_ways_are_compared_once_each() -> None:
    labels = [way.label for way in settings(compare=True, upscaler="sharp", strength=0.3).variants]
    assert labels == ["Lanczos", "sharp", "Lanczos, drawn again 0.3", "sharp, drawn again 0.3"]
    assert [way.label for way in settings(compare=True).variants] == ["Lanczos"]
    alone = settings(compare=True, upscaler="sharp", strength=0.3).alone(1)
    assert (alone.upscaler, alone.strength, alone.compare) == ("sharp", 0.0, False)


def test_a_batch_counts_where_it_is_drawn_again() -> None:
    assert settings(batch_size=3).picture_count == 1
    assert settings(batch_size=3, strength=0.5).picture_count == 3
    assert settings(compare=True, upscaler="sharp", strength=0.5).picture_count == 4


def test_drawing_again_is_a_stage_of_that_size_and_strength() -> None:
    stage = settings(strength=0.25, steps=12, prompt="a boat").enlarging(64, 64).redrawing
    assert (stage.drawn_size, stage.strength, stage.steps) == ((128, 128), 0.25, 12)
    assert stage.prompt == "a boat"
    assert stage.model_steps(stage.strength) == 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"strength": 0.01, "steps": 20}, "at least 0.05"),
        ({"width": 512}, "both width and height"),
        ({"compare": True, "batch_size": 2}, "set batch_size to 1"),
        ({"tile": 100}, "'tile'"),
        ({"factor": 9}, "'factor'"),
    ],
)
def test_what_cannot_run_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        settings(**values)

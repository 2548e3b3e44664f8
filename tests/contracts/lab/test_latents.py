"""What the Latents panel may ask for."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.lab.latents import LatentsSettings, NoiseAtSettings
from backend.contracts.settings.parsing import parsed


def test_the_autoencoder_needs_a_picture_and_noise_does_not() -> None:
    assert LatentsSettings().missing_picture({"image"}) is None
    assert LatentsSettings().missing_picture(()) == "Choose a picture first."
    assert NoiseAtSettings().missing_picture(()) is None
    assert NoiseAtSettings().picture_count == 2


@pytest.mark.parametrize("values", [{"level": 30}, {"level": -1}, {"steps": 1}, {"levle": 1}])
def test_a_level_lies_in_the_schedule(values: dict[str, int]) -> None:
    assert NoiseAtSettings(level=29).level == 29
    with pytest.raises(BadInput):
        parsed(NoiseAtSettings, values)

"""The stand-in's noise: less of it leaves the picture."""

from __future__ import annotations

import numpy as np

from backend.contracts.lab.latents import NoiseAtSettings
from backend.contracts.requests import Request
from backend.engine.fake.lab.noise_at import look
from backend.pictures.fit import fit
from tests.modes.lab.looking import picture


def test_a_lower_level_is_nearer_to_the_picture() -> None:
    original = fit(picture(), 64, 64).image.astype(float)
    apart: list[float] = []
    for level in (2, 28):
        settings = NoiseAtSettings(level=level, width=64, height=64, seed=1)
        (seen,) = look(Request(settings, {"image": picture()}))
        assert len(seen.outputs) == 2
        apart.append(float(np.abs(seen.outputs[0].image - original).mean()))
    assert apart[0] > apart[1]

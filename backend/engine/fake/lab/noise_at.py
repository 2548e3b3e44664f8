"""Noise over a picture, and the picture in coarse squares as what is foretold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backend.contracts.lab.facts import Noised
from backend.contracts.lab.latents import NoiseAtSettings
from backend.contracts.requests import Request
from backend.engine.fake import picture as fake_picture
from backend.engine.fake.lab.latents import coarse, levels_of
from backend.engine.fake.lab.seen import Seen, shown
from backend.pictures.difference import psnr
from backend.pictures.fit import fit


def look(request: Request) -> Iterator[Seen]:
    """Two pictures."""
    settings = request.settings
    assert isinstance(settings, NoiseAtSettings)
    size, levels = settings.drawn_size, levels_of(settings)
    given = request.images.get("image")
    level = levels[0 if given is None else settings.level]
    drawn = fake_picture.draw(settings.prompt, settings.seed, *size)
    picture = drawn if given is None else fit(given, *size).image
    grain = fake_picture.noise(settings.prompt, settings.seed, *size)
    noisy = fake_picture.noised(picture, 1 - level.sigma, grain)
    foretold = coarse(picture, 1 + round(15 * level.sigma))
    near = None if given is None else psnr(picture, foretold)
    told = Noised(level, near, 1, levels)
    outputs = shown(settings, 0, noisy), shown(settings, 1, np.ascontiguousarray(foretold))
    yield Seen(outputs, told)

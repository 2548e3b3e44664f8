"""A picture through an autoencoder that is none: it comes back in coarse squares."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backend.contracts.events import Pixels
from backend.contracts.lab.facts import Channel, Encoded, Level
from backend.contracts.requests import Request
from backend.contracts.settings import Settings
from backend.engine.fake.lab.seen import Seen, shown
from backend.pictures.difference import psnr
from backend.pictures.fit import fit

FACTOR, CHANNELS = 8, 4


def look(request: Request) -> Iterator[Seen]:
    """One picture."""
    settings = request.settings
    picture = fit(request.images["image"], *settings.drawn_size).image
    small = picture[::FACTOR, ::FACTOR]
    back = coarse(picture, 4)
    difference = np.abs(picture.astype(np.int16) - back).astype(np.uint8)
    views = {"original": picture, "difference": difference}
    for channel in range(CHANNELS):
        grey = small[..., channel % 3 : channel % 3 + 1]
        views[f"channel-{channel}"] = np.ascontiguousarray(grey.repeat(3, axis=-1))
    height, width = small.shape[:2]
    found = Encoded(
        psnr=psnr(picture, back),
        worst=int(difference.max()),
        shape=(CHANNELS, height, width),
        factor=FACTOR,
        compression=picture.size / (CHANNELS * height * width),
        channels=(Channel(-1.0, 1.0, 0.0, 0.5),) * CHANNELS,
        levels=levels_of(settings),
    )
    yield Seen((shown(settings, 0, back, views),), found)


def coarse(picture: Pixels, side: int) -> Pixels:
    """The picture in squares of so many px."""
    height, width = picture.shape[:2]
    few = picture[::side, ::side]
    return few.repeat(side, axis=0).repeat(side, axis=1)[:height, :width].copy()


def levels_of(settings: Settings) -> tuple[Level, ...]:
    """From nothing but noise to hardly any."""
    shares = [1 - place / settings.steps for place in range(settings.steps)]
    return tuple(
        Level(round(999 * share), share / max(0.01, 1 - share), 1 - share, share)
        for share in shares
    )

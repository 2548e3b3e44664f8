"""What looks at a model find, as plain numbers beside their pictures."""

from __future__ import annotations

from dataclasses import dataclass

EXACT_DB = 99.0  # what `psnr` says of equal pictures


@dataclass(frozen=True)
class Channel:
    """One channel of the latents.

    Attributes:
        least: Its smallest value, black on its map.
        most: Its largest, white.
        mean: Of all its positions.
        deviation: Likewise.
    """

    least: float
    most: float
    mean: float
    deviation: float


@dataclass(frozen=True)
class Level:
    """One place of a schedule, x = alpha x0 + sigma eps.

    Attributes:
        timestep: What the model is told.
        ratio: sigma / alpha.
        alpha: How much of the picture is in it.
        sigma: How much noise.
    """

    timestep: float
    ratio: float
    alpha: float
    sigma: float


@dataclass(frozen=True)
class Encoded:
    """What the autoencoder does to a picture.

    Attributes:
        psnr: Of the reconstruction, dB; 99 where it is the picture itself.
        worst: The largest difference of a pixel's colour, 0..255.
        shape: (C, h, w) of the latents.
        factor: Pixels for each position, along one side.
        compression: Numbers of the picture for each number of the latents.
        channels: Of the latents.
        levels: Of the noise slider, the noisiest first.
    """

    psnr: float
    worst: int
    shape: tuple[int, int, int]
    factor: int
    compression: float
    channels: tuple[Channel, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Noised:
    """One level of noise, and one call of the model.

    Attributes:
        level: Where.
        psnr: Of the predicted picture against the one that was given, dB; None without one.
        calls: Samples that the network saw.
        levels: Of the noise slider, the noisiest first.
    """

    level: Level
    psnr: float | None
    calls: int
    levels: tuple[Level, ...]

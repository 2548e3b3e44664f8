"""What a picture can be steered towards: losses of (B, 3, H, W) pictures, one value a picture.

Each is a mean over the picture or a distance of one of its means, so that its value does not
depend on the size; values lie about in 0..1.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from backend.sampling.steering import Loss

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
EASE = 0.02  # a distance smaller than this pulls less, so that steps do not swing about the target
SMALL = 1e-4  # keeps roots differentiable at 0


def channel(index: int, target: float) -> Loss:
    """Mean distance of one colour channel from a value, e.g. |blue - 0.9|."""

    def loss(pictures: torch.Tensor) -> torch.Tensor:
        return (pictures[:, index] - target).abs().mean(dim=(1, 2))

    return loss


def colour(rgb: tuple[float, float, float]) -> Loss:
    """Mean distance from one colour, channels 0..1."""

    def loss(pictures: torch.Tensor) -> torch.Tensor:
        aim = torch.stack([torch.full_like(pictures[:, 0], value) for value in rgb], dim=1)
        return (pictures - aim).abs().mean(dim=(1, 2, 3))

    return loss


def brightness(target: float) -> Loss:
    """Distance of the mean luma from a value."""
    return lambda pictures: _eased(_luma(pictures).mean(dim=(1, 2)) - target)


def contrast(target: float) -> Loss:
    """Distance of twice the deviation of luma from a value: half black, half white is 1."""
    return lambda pictures: _eased(2.0 * _spread(_luma(pictures)) - target)


def saturation(target: float) -> Loss:
    """Distance of the mean chroma, the largest channel less the smallest, from a value."""

    def loss(pictures: torch.Tensor) -> torch.Tensor:
        chroma = pictures.amax(dim=1) - pictures.amin(dim=1)
        return _eased(chroma.mean(dim=(1, 2)) - target)

    return loss


def sharpness(target: float) -> Loss:
    """Distance of the share of contrast that lies between neighbouring points from a value."""

    def loss(pictures: torch.Tensor) -> torch.Tensor:
        luma = _luma(pictures)
        across = (luma[:, :, 1:] - luma[:, :, :-1]).square().mean(dim=(1, 2))
        down = (luma[:, 1:] - luma[:, :-1]).square().mean(dim=(1, 2))
        edges = (across + down + SMALL * SMALL).sqrt()
        return _eased(edges / (_spread(luma) + SMALL) - target)

    return loss


def symmetry() -> Loss:
    """Mean distance of a picture from its mirror image, left for right."""
    return lambda pictures: (pictures - pictures.flip(-1)).abs().mean(dim=(1, 2, 3))


def thumbnail(wanted: torch.Tensor) -> Loss:
    """Mean distance from rough colours in these places.

    Args:
        wanted: (3, h, w) in 0..1; the pictures are brought to its size by averaging.
    """

    def loss(pictures: torch.Tensor) -> torch.Tensor:
        _, height, width = wanted.shape
        small = functional.adaptive_avg_pool2d(pictures, (height, width))
        return (small - wanted.to(small)).abs().mean(dim=(1, 2, 3))

    return loss


def palette(colours: torch.Tensor) -> Loss:
    """How far the colours are spread otherwise than in another picture: sliced transport.

    The sorted values of the picture along fixed directions of colour space are held against those
    of the palette (Bonneel et al. 2015, sliced Wasserstein), so that shares count and places do
    not.

    Args:
        colours: (n, 3) in 0..1, drawn from the other picture.
    """
    third = math.sqrt(1.0 / 3.0)
    ways = torch.tensor(
        [
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, 0.0, 1.0],
            [third, third, third],
            [math.sqrt(0.5), -math.sqrt(0.5), 0.0],
            [math.sqrt(1 / 6), math.sqrt(1 / 6), -2 * math.sqrt(1 / 6)],
        ]
    )

    def loss(pictures: torch.Tensor) -> torch.Tensor:
        seen = functional.adaptive_avg_pool2d(pictures, (32, 32)).flatten(2)
        drawn = (ways.to(seen) @ seen).sort(dim=2).values
        aim = (ways.to(seen) @ colours.to(seen).T)[None].sort(dim=2).values
        aim = functional.interpolate(aim, drawn.shape[2], mode="linear", align_corners=True)
        return (drawn - aim).abs().mean(dim=(1, 2))

    return loss


def _luma(pictures: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) -> (B, H, W)."""
    red, green, blue = LUMA
    return red * pictures[:, 0] + green * pictures[:, 1] + blue * pictures[:, 2]


def _spread(luma: torch.Tensor) -> torch.Tensor:
    """Deviation of each picture, (B,)."""
    centred = luma - luma.mean(dim=(1, 2), keepdim=True)
    return (centred.square().mean(dim=(1, 2)) + SMALL * SMALL).sqrt()


def _eased(distance: torch.Tensor) -> torch.Tensor:
    """|distance|, smooth at 0 (pseudo-Huber)."""
    return (distance.square() + EASE * EASE).sqrt() - EASE

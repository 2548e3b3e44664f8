"""What a picture can be steered towards: losses of (B, 3, H, W) pictures, one value a picture.

Each is a mean over the picture or a distance of one of its means, so that its value does not
depend on the size; values lie about in 0..1.
"""

from __future__ import annotations

import torch

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

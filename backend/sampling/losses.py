"""What a picture can be steered towards: losses of (B, 3, H, W) pictures, one value a picture.

Each is a mean over the picture or a distance of one of its means, so that its value does not
depend on the size; values lie about in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from backend.sampling.steering import Loss

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
EASE = 0.02  # a distance smaller than this pulls less, so that steps do not swing about the target
ROUGH = 64  # points to a side that a palette is compared at
_THIRD = 3.0**-0.5
DIRECTIONS = (
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    (_THIRD, _THIRD, _THIRD),
    (_THIRD, _THIRD, -_THIRD),
    (_THIRD, -_THIRD, _THIRD),
    (-_THIRD, _THIRD, _THIRD),
)
"""Of colours, along which a palette is compared."""
Rgb = tuple[float, float, float]
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


def palette(colours: Sequence[Rgb], shares: Sequence[float]) -> Loss:
    """Distance of the colours of a picture, wherever they are, from those of a palette.

    The mean over some directions of the 1-Wasserstein distance of the projections (sliced
    Wasserstein, 1506.05439): along each, colours in their order are compared with the palette's.

    Args:
        colours: Channels 0..1.
        shares: How much of each; they add up to 1.
    """
    tints, weights = torch.tensor(colours), torch.tensor(shares)

    def loss(pictures: torch.Tensor) -> torch.Tensor:
        small = _rough(pictures, ROUGH)
        axes = torch.tensor(DIRECTIONS)
        found = torch.einsum("bchw,dc->bdhw", small, axes.to(small)).flatten(2).sort(dim=2).values
        wanted = _quantiles(tints @ axes.T, weights, found.shape[2])
        return (found - wanted.to(found)).abs().mean(dim=(1, 2))

    return loss


def _quantiles(values: torch.Tensor, shares: torch.Tensor, count: int) -> torch.Tensor:
    """So many values in order, each as often as its share says.

    Args:
        values: (colours, directions).
        shares: (colours,), 1 in all.

    Returns:
        (directions, count).
    """
    order = values.argsort(dim=0)
    at = (torch.arange(count) + 0.5) / count
    ends = shares[order].cumsum(dim=0).T.contiguous()  # (directions, colours)
    which = torch.searchsorted(ends, at.expand(len(ends), -1).contiguous())
    which = which.clamp(max=len(values) - 1)
    return values.gather(0, order).T.gather(1, which)


def places(cells: Sequence[Sequence[Rgb | None]]) -> Loss:
    """Mean distance of the rough picture from colours in their places; other places are free.

    Args:
        cells: Rows from the top of channels 0..1, None where anything goes; at least one colour.
    """
    size = len(cells), len(cells[0])
    wanted = torch.tensor([[cell or (0.0, 0.0, 0.0) for cell in row] for row in cells])
    known = torch.tensor([[float(cell is not None) for cell in row] for row in cells])

    def loss(pictures: torch.Tensor) -> torch.Tensor:
        found = functional.adaptive_avg_pool2d(pictures, size)
        apart = (found - wanted.permute(2, 0, 1).to(found)).abs().mean(dim=1)
        mask = known.to(found)
        return (apart * mask).sum(dim=(1, 2)) / mask.sum()

    return loss


def _rough(pictures: torch.Tensor, side: int) -> torch.Tensor:
    """The pictures no larger than that: what costs little to put in order."""
    height, width = pictures.shape[2:]
    if max(height, width) <= side:
        return pictures
    return functional.adaptive_avg_pool2d(pictures, (min(height, side), min(width, side)))


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

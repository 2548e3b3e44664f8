"""Regions as shares of the one guidance: each place of the picture is steered by its own prompt.

x0 = x0_u + w sum_i m_i (x0_i - x0_u) with masks m that add up to 1 at each place: the masked x0 of
MultiDiffusion (2302.08113, eq. 5) for regions of one picture, in one model call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch.nn import functional

from backend.contracts.settings import Settings
from backend.contracts.settings.regions import Region, RegionFields
from backend.models.text.conditioning import Conditioning
from backend.modes.conditioned import Conditioned, conditioned
from backend.modes.prompt_timeline import Words
from backend.modes.stage import Stage

NOTHING = 1e-4  # a share below this everywhere draws nothing


def with_regions(
    stage: Stage[Settings],
    base: Sequence[Conditioned],
    said: Sequence[str],
    encode: Callable[[str], Conditioning],
) -> tuple[Conditioned, ...]:
    """The conditions of a stage's pictures, its regions among them.

    Args:
        stage: Whose regions act.
        base: Of the prompt.
        said: What each region says at this step.
        encode: Embeds a prompt.
    """
    settings, model = stage.settings, stage.model
    assert isinstance(settings, RegionFields)
    width, height = settings.drawn_size
    size = height // model.vae_factor, width // model.vae_factor
    own = [conditioned(Words(words, "", ""), 0.0, encode) for words in said]
    places = settings.acting_regions
    return regional(base, own, places, settings.region_soft, size, model.target.device)


def regional(
    base: Sequence[Conditioned],
    own: Sequence[Sequence[Conditioned]],
    regions: Sequence[Region],
    soft: float,
    size: tuple[int, int],
    device: torch.device,
) -> tuple[Conditioned, ...]:
    """The conditions of a picture with regions; where none acts, those of the prompt as they are.

    Args:
        base: Of the prompt, for what no region takes.
        own: Of each region's prompt.
        regions: Those that act.
        soft: Width of their edges, of the shorter side.
        size: (h, w) of the latents.
        device: Where these are.
    """
    if not regions:
        return tuple(base)
    places, rest = masks(regions, soft, size)
    made = [_shared(one, rest, device) for one in base] if float(rest.max()) > NOTHING else []
    for region, place, said in zip(regions, places, own, strict=True):
        made += [_shared(one, region.weight * place, device) for one in said]
    return tuple(made)


def masks(
    regions: Sequence[Region], soft: float, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """How much of each place is a region's, and how much is left.

    Args:
        regions: At least one.
        soft: See `regional`.
        size: (h, w).

    Returns:
        (k, h, w) and (h, w), float32 on the CPU, which add up to 1: where several meet they share.
    """
    found = torch.stack([mask(region, soft, size) for region in regions])
    total = found.sum(dim=0)
    rest = (1.0 - total).clamp(min=0.0)
    if float(rest.max()) <= NOTHING:
        rest = torch.zeros_like(rest)
    return found / (total + rest).clamp(min=1e-12), rest


def mask(region: Region, soft: float, size: tuple[int, int]) -> torch.Tensor:
    """One region by itself, (h, w) in 0..1; its edges at the picture's own are no edges."""
    height, width = size
    edge = soft * min(height, width)
    if region.painted:
        cells = torch.tensor([[float(cell) for cell in row] for row in region.painted])
        drawn = functional.interpolate(cells[None, None], size=size, mode="nearest")
        reach = int(edge / 2)
        if reach:
            padded = functional.pad(drawn, (reach,) * 4, mode="replicate")
            drawn = functional.avg_pool2d(padded, 2 * reach + 1, stride=1)
        return drawn[0, 0]
    left, top, right, bottom = region.box
    return torch.outer(_along(top, bottom, height, edge), _along(left, right, width, edge))


def _along(start: float, end: float, count: int, edge: float) -> torch.Tensor:
    """A box along one axis: 1 inside, 0 outside, straight ramps of `edge` positions around its
    ends."""
    at = torch.arange(count, dtype=torch.float32) + 0.5
    inside = torch.ones(count)
    if start > 0:
        inside = inside * ((at - start * count) / max(edge, 1e-6) + 0.5).clamp(0.0, 1.0)
    if end < 1:
        inside = inside * ((end * count - at) / max(edge, 1e-6) + 0.5).clamp(0.0, 1.0)
    return inside


def _shared(one: Conditioned, share: torch.Tensor, device: torch.device) -> Conditioned:
    """The condition with its part of the picture; alike everywhere it stays a number."""
    low, high = float(share.min()), float(share.max())
    if low == high:
        return replace(one, share=one.share * low)
    return replace(one, share=one.share * share[None, None].to(device))

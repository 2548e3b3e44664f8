"""Regions as shares of the one guidance: each place of the picture is steered by its own prompt.

x0 = x0_u + w sum_i m_i (x0_i - x0_u) with masks m that add up to 1 at each place: the masked x0 of
MultiDiffusion (2302.08113, eq. 5) for regions of one picture, in one model call. Where regions have
LoRAs, each row of the call has its own, and x0_u too is that of the place's LoRAs: else guidance
would multiply what they change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch.nn import functional

from backend.contracts.errors import BadInput
from backend.contracts.settings import Settings
from backend.contracts.settings.regions import Region, RegionFields
from backend.models.text.conditioning import Conditioning
from backend.modes.conditioned import Conditioned, Ground, conditioned
from backend.modes.mixing import RunMix
from backend.modes.prompt_timeline import Words
from backend.modes.stage import Stage

NOTHING = 1e-4  # a share below this everywhere draws nothing
Encode = Callable[[str, tuple[int, ...]], Conditioning]
"""Embeds a prompt as it is read under some rows of LoRAs."""


@dataclass(frozen=True, eq=False)
class Placed:
    """What steers each place of a picture.

    Attributes:
        conditions: Of the prompt and of the regions.
        grounds: What they are guided away from, one for each mix of LoRAs.
    """

    conditions: tuple[Conditioned, ...]
    grounds: tuple[Ground, ...]

    @property
    def kinds(self) -> tuple[tuple[int, ...], ...]:
        """The LoRAs of each row of a call, the grounds first."""
        own = tuple(self.grounds[one.ground].loras for one in self.conditions)
        return (*(ground.loras for ground in self.grounds), *own)


def with_regions(
    stage: Stage[Settings],
    base: Sequence[Conditioned],
    said: Sequence[str],
    encode: Encode,
    mix: RunMix | None,
) -> Placed:
    """The conditions of a stage's pictures, its regions among them.

    Args:
        stage: Whose regions act.
        base: Of the prompt.
        said: What each region says at this step.
        encode: See there.
        mix: The LoRAs of the run, those of regions among them.

    Raises:
        BadInput: Regions have LoRAs, and there is no mix of this run.
    """
    settings, model = stage.settings, stage.model
    assert isinstance(settings, RegionFields)
    width, height = settings.drawn_size
    size = height // model.vae_factor, width // model.vae_factor
    places = settings.acting_regions
    loras = [_rows(region, mix) for region in places]
    own = [
        conditioned(Words(words, "", ""), 0.0, partial(_under, encode, rows))
        for words, rows in zip(said, loras, strict=True)
    ]
    everywhere = () if mix is None else mix.everywhere
    device = model.target.device
    return regional(
        base, own, places, settings.region_soft, size, device, everywhere, loras,
        settings.kept_base,
    )  # fmt: skip


def _under(encode: Encode, rows: tuple[int, ...], prompt: str) -> Conditioning:
    return encode(prompt, rows)


def _rows(region: Region, mix: RunMix | None) -> tuple[int, ...]:
    """The rows of LoRAs that act in a region."""
    if mix is not None:
        return mix.in_region(region.acting_loras)
    if region.acting_loras:
        raise BadInput("LoRAs of regions do not act in this mode; take them out.", "regions")
    return ()


def regional(
    base: Sequence[Conditioned],
    own: Sequence[Sequence[Conditioned]],
    regions: Sequence[Region],
    soft: float,
    size: tuple[int, int],
    device: torch.device,
    everywhere: tuple[int, ...] = (),
    loras: Sequence[tuple[int, ...]] = (),
    kept: float = 0.0,
) -> Placed:
    """The conditions of a picture with regions; where none acts, those of the prompt as they are.

    Args:
        base: Of the prompt, for what no region takes.
        own: Of each region's prompt.
        regions: Those that act.
        soft: Width of their edges, of the shorter side.
        size: (h, w) of the latents.
        device: Where these are.
        everywhere: Rows of LoRAs that act in the rest.
        loras: Rows that act in each region; those of the rest by default.
        kept: How much of every region is the prompt's, 0..1; of one that covers all, nothing.
    """
    if not regions:
        return Placed(tuple(base), (Ground(1.0, everywhere),))
    places, rest = masks(regions, soft, size)
    if any(region.covers_all for region in regions):
        own_share = torch.tensor([1.0 if region.covers_all else 1 - kept for region in regions])
        kept_places = own_share[:, None, None] * places
        places, rest = kept_places, rest + (places - kept_places).sum(dim=0)
    elif kept > 0:
        places, rest = (1 - kept) * places, kept + (1 - kept) * rest
    drawn = [] if float(rest.max()) <= NOTHING else [(base, rest, 1.0, everywhere)]
    of_each = loras or [everywhere] * len(regions)
    for region, place, said, rows in zip(regions, places, own, of_each, strict=True):
        drawn.append((said, place, region.weight, rows))
    kinds = list(dict.fromkeys(rows for *_, rows in drawn))
    made = [
        replace(_shared(one, weight * place, device), ground=kinds.index(rows))
        for said, place, weight, rows in drawn
        for one in said
    ]
    if len(kinds) == 1:  # its places are all there are
        return Placed(tuple(made), (Ground(1.0, kinds[0]),))
    grounds: list[Ground] = []
    for kind in kinds:
        place = torch.stack([place for _, place, _, rows in drawn if rows == kind]).sum(dim=0)
        grounds.append(Ground(place[None, None].to(device), kind))
    return Placed(tuple(made), tuple(grounds))


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

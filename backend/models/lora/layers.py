"""One layer under a mix of LoRAs: its weight patched in place, or a low-rank path beside it.

The mix of a layer is W = W0 + sum_i s_i (alpha_i / r_i) B_i A_i (Hu et al. 2021, 2106.09685).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from backend.models.lora import dora, lycoris
from backend.models.lora.file import LowRank
from backend.models.memory.devices import place_of
from backend.models.patches import Detour

# A multiple that matrix units like; the ranks are filled up with zeros.
RANK_STEP = 8


class Term(NamedTuple):
    """One LoRA's factors for one layer, on its device in float32.

    Attributes:
        down: (r, in) or (r, in * k * k).
        up: (out, r), alpha / r and the factor of its block folded in.
    """

    down: torch.Tensor
    up: torch.Tensor


@dataclass(frozen=True)
class PerSample:
    """A mix of its own for each sample, or for each of the conditionings of a call.

    Attributes:
        scales: (B, n_loras) float32, on the host.
        blocks: A row stands for as many samples in succession as the batch holds of it, as a
            row of the conditioning does; else the batch holds the B samples again and again.
    """

    scales: torch.Tensor
    blocks: bool = False


@dataclass
class _Scales:
    """Scales that a path reads at each call, (B, R); see `PerSample`."""

    value: torch.Tensor
    blocks: bool


class PatchedLayer:
    """A linear or convolution layer and what is needed to restore it bit for bit.

    Attributes:
        device: Where the layer computes; the weight may be in RAM while it is changed.
    """

    def __init__(
        self, path: str, module: nn.Linear | nn.Conv2d, device: torch.device | None = None
    ) -> None:
        """Keeps a copy of the weight.

        Args:
            path: How errors name it.
            module: The layer.
            device: Where it computes; None where its weight is.

        Raises:
            ValueError: A kind of convolution that no Stable Diffusion model has.
        """
        if isinstance(module, nn.Conv2d):
            _check_convolution(path, module)
        self.path = path
        self.module = module
        self.device = device or module.weight.device
        self._original = module.weight.detach().clone()
        self._rows = self._original.shape[0]
        self._path_bytes = 0
        self._detour: Detour | None = None
        self._ranks: list[int] = []
        self._scales: _Scales | None = None

    @property
    def kept(self) -> dict[str, int]:
        """Bytes of the kept weight and of the path beside it, by the place where they lie."""
        own, paths = place_of(self._original.device), place_of(self.device)
        found = {own: self._original.nbytes}
        return found | {paths: found.get(paths, 0) + self._path_bytes}

    def term(self, delta: LowRank) -> Term:
        """Prepares a LoRA's factors for this layer."""
        device = self.device
        down = delta.A.to(device, torch.float32).reshape(delta.A.shape[0], -1)
        up = delta.B.to(device, torch.float32).reshape(delta.B.shape[0], -1) * delta.scale
        if delta.magnitude is None:
            return Term(down, up if delta.factor == 1.0 else up * delta.factor)
        magnitude = delta.magnitude.to(device)
        whole = dora.difference(self._original.to(device), up @ down, magnitude)
        up, down = lycoris.whole(whole if delta.factor == 1.0 else whole * delta.factor)
        return Term(down, up)

    @torch.no_grad()
    def merge(self, terms: Sequence[Term], weights: Sequence[float]) -> torch.Tensor | None:
        """Writes W0 + the mix into the live weight, summed in float32 and rounded once.

        Returns:
            () float32 on the device: by how much the effective scale of the worst LoRA (and of
            the whole mix) differs from 1 because of the rounding; None for float32 weights,
            where it cannot matter.
        """
        self._leave_path()
        weight = self.module.weight
        down = torch.cat([term.down for term in terms])
        up = torch.cat([term.up * s for term, s in zip(terms, weights, strict=True)], dim=1)
        original = self._original.to(self.device).float().reshape(self._rows, -1)
        total = torch.addmm(original, up, down)
        rounded = total.to(weight.dtype)
        weight.copy_(rounded.view(weight.shape))
        if weight.dtype == torch.float32:
            return None
        error = rounded - total
        return _scale_error(error, down, up, [len(term.down) for term in terms])

    @torch.no_grad()
    def go_beside(
        self,
        terms: Sequence[Term],
        weights: Sequence[float],
        per_sample: PerSample | None = None,
    ) -> None:
        """Restores W0 and computes the mix beside it: one stacked A and B, two products.

        Both sums end in one accumulator, [W0 | B] [x ; A x], and are rounded once. Adding the
        path's result to the layer's rounded one would lose a small change just as rounding the
        weights does.

        Args:
            terms: The LoRAs of this layer.
            weights: Their weights; 1 where `per_sample` holds them.
            per_sample: (B, len(terms)) scales of each sample.
        """
        self._leave_path()
        self.module.weight.copy_(self._original)
        dtype = self._original.dtype
        ranks = [len(term.down) for term in terms]
        missing = -sum(ranks) % RANK_STEP
        down = torch.cat([term.down for term in terms])
        up = torch.cat([term.up * s for term, s in zip(terms, weights, strict=True)], dim=1)
        down = F.pad(down, (0, 0, 0, missing)).to(dtype)
        up = F.pad(up, (0, missing)).to(dtype)
        self._ranks, scale = ranks, None
        if per_sample is not None:
            scale = _Scales(self._columns(per_sample, dtype), per_sample.blocks)
        self._scales = scale
        weight = self._original.to(self.device)
        path = (
            _linear_path(self.module, weight, down, up, scale)
            if isinstance(self.module, nn.Linear)
            else _convolution_path(self.module, weight, down, up, scale)
        )
        self._detour = Detour(self.module, path)
        self._path_bytes = self._original.nbytes + down.nbytes + up.nbytes

    def rescale(self, per_sample: PerSample) -> None:
        """Other scales for the LoRAs that `go_beside` was last given with scales: no new path."""
        assert self._scales is not None
        self._scales.value = self._columns(per_sample, self._original.dtype)
        self._scales.blocks = per_sample.blocks

    def _columns(self, per_sample: PerSample, dtype: torch.dtype) -> torch.Tensor:
        """(B, R): the scale of each LoRA for each of its ranks, filled up with zeros."""
        scale = per_sample.scales.repeat_interleave(torch.tensor(self._ranks), dim=1)
        scale = F.pad(scale, (0, -sum(self._ranks) % RANK_STEP)).to(dtype)
        return scale.to(self.device, non_blocking=True)  # so small that it is taken along

    @torch.no_grad()
    def restore(self) -> None:
        """The weight as it was, bit for bit, and no path."""
        self._leave_path()
        self.module.weight.copy_(self._original)

    def _leave_path(self) -> None:
        if self._detour is not None:
            self._detour.end()
            self._detour = None
        self._path_bytes = 0
        self._scales = None


def _scale_error(
    error: torch.Tensor, down: torch.Tensor, up: torch.Tensor, ranks: list[int]
) -> torch.Tensor:
    """Largest |<error, D_i>| / |D_i|^2 over the LoRAs i and the sum of all.

    With D = up down, <error, D> = sum((up^T error) * down) and |D|^2 = sum((up^T up) * (down
    down^T)): no matrix of the layer's size beside the error itself.
    """
    along = ((up.T @ error) * down).sum(dim=1)
    gram = (up.T @ up) * (down @ down.T)
    start, ratios = 0, [(along.sum(), gram.sum())]
    for rank in ranks:
        span = slice(start, start + rank)
        ratios.append((along[span].sum(), gram[span, span].sum()))
        start += rank
    off = torch.stack([pair[0] for pair in ratios]).abs()
    norm = torch.stack([pair[1] for pair in ratios])
    return torch.where(norm > 0, off / norm, 0.0).max()


def _linear_path(
    module: nn.Linear,
    weight: torch.Tensor,
    down: torch.Tensor,
    up: torch.Tensor,
    scale: _Scales | None,
) -> Callable[[torch.Tensor], torch.Tensor]:
    wide = torch.cat([weight, up], dim=1)

    def forward(input: torch.Tensor) -> torch.Tensor:
        low = F.linear(input, down)
        if scale is not None:
            low = low * _rows(scale, input, tail=False)
        return F.linear(torch.cat([input, low], dim=-1), wide, module.bias)

    return forward


def _convolution_path(
    module: nn.Conv2d,
    weight: torch.Tensor,
    down: torch.Tensor,
    up: torch.Tensor,
    scale: _Scales | None,
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A x is taken at stride 1 and picked up by the centre tap of the widened kernel.

    Exact for odd kernels whose padding is no wider than half their reach, at any stride: outside
    the picture both convolutions see zeros.
    """
    height, width = module.kernel_size
    kernel = weight.new_zeros(len(up), up.shape[1], height, width)
    kernel[:, :, height // 2, width // 2] = up
    channels_last = weight.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    wide = torch.cat([weight, kernel], dim=1).contiguous(memory_format=layout)
    narrow = down.reshape(-1, *weight.shape[1:]).contiguous(memory_format=layout)
    reach = tuple(d * (k // 2) for d, k in zip(module.dilation, module.kernel_size, strict=True))

    def forward(input: torch.Tensor) -> torch.Tensor:
        low = F.conv2d(input, narrow, padding=reach, dilation=module.dilation)
        if scale is not None:
            low = low * _rows(scale, input, tail=True)
        return F.conv2d(
            torch.cat([input, low], dim=1),
            wide,
            module.bias,
            module.stride,
            module.padding,
            module.dilation,
        )

    return forward


def _rows(scale: _Scales, x: torch.Tensor, *, tail: bool) -> torch.Tensor:
    """Scales (B, R) for a batch of n B samples, shaped to multiply (n B, ..., R) or (n B, R, ...).

    A guided batch holds the B samples n times in succession; see `PerSample.blocks`.
    """
    times, rest = divmod(len(x), len(scale.value))
    if rest or not times:
        raise ValueError(f"a batch of {len(x)} does not hold {len(scale.value)} samples evenly")
    value = scale.value
    rows = value.repeat_interleave(times, dim=0) if scale.blocks else value.repeat(times, 1)
    middle = (1,) * (x.ndim - 2)
    return rows.view(len(x), -1, *middle) if tail else rows.view(len(x), *middle, -1)


def _check_convolution(path: str, module: nn.Conv2d) -> None:
    padding = module.padding
    if (
        module.groups != 1
        or module.padding_mode != "zeros"
        or isinstance(padding, str)
        or any(size % 2 == 0 for size in module.kernel_size)
        or any(
            p > d * (k // 2)
            for p, d, k in zip(padding, module.dilation, module.kernel_size, strict=True)
        )
    ):
        raise ValueError(f"'{path}' is a kind of convolution that LoRAs do not change")

"""What prompts become: the embeddings that condition a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Conditioning:
    """What the prompt says, for the network.

    Attributes:
        context: (B, 77 k, D), k chunks of 77 positions.
        padding: (1, 77, D), the empty prompt; brings prompts of fewer chunks to a common length.
        pooled: (B, P), the prompt as one vector, where the model takes one (SDXL).
        lengths: Positions of each row that are the prompt's own, where the model is shown no
            padding; None where all are shown.
    """

    context: torch.Tensor
    padding: torch.Tensor
    pooled: torch.Tensor | None = None
    lengths: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.context)

    def __getitem__(self, rows: slice) -> Conditioning:
        """Some rows of the batch."""
        pooled = None if self.pooled is None else self.pooled[rows]
        lengths = None if self.lengths is None else self.lengths[rows]
        return Conditioning(self.context[rows], self.padding, pooled, lengths)

    @property
    def alone(self) -> list[torch.Tensor]:
        """Each row without what it was padded with, (length, D)."""
        lengths = self.lengths or (self.context.shape[1],) * len(self)
        return [self.context[row, :length] for row, length in enumerate(lengths)]

    @property
    def shown(self) -> torch.Tensor | None:
        """(B, positions) bool, True where a row is the prompt's own; None where all are."""
        longest = self.context.shape[1]
        if self.lengths is None or all(length == longest for length in self.lengths):
            return None
        own = torch.tensor(self.lengths, device=self.context.device)[:, None]
        return torch.arange(longest, device=self.context.device) < own

    def to(self, device: torch.device, dtype: torch.dtype) -> Conditioning:
        """The same on a device, in a precision."""
        pooled = None if self.pooled is None else self.pooled.to(device, dtype)
        context, padding = self.context.to(device, dtype), self.padding.to(device, dtype)
        return Conditioning(context, padding, pooled, self.lengths)

    def padded(self, length: int) -> Conditioning:
        """The same with `length` positions, filled up with empty chunks."""
        missing = (length - self.context.shape[1]) // self.padding.shape[1]
        if missing <= 0:
            return self
        filler = self.padding.repeat(len(self), missing, 1)
        return replace(self, context=torch.cat([self.context, filler], dim=1))

    def repeat(self, times: int) -> Conditioning:
        """Each row `times` times in succession, as diffusers' num_images_per_prompt."""
        pooled = None if self.pooled is None else self.pooled.repeat_interleave(times, dim=0)
        lengths = None
        if self.lengths is not None:
            lengths = tuple(length for length in self.lengths for _ in range(times))
        context = self.context.repeat_interleave(times, dim=0)
        return Conditioning(context, self.padding, pooled, lengths)

    def lerp(self, other: Conditioning, weight: float) -> Conditioning:
        """(1 - weight) * self + weight * other, exactly self at 0 and other at 1.

        Of two lengths the mixture has the longer one.
        """
        length = max(self.context.shape[1], other.context.shape[1])
        mixed = _lerp(self.padded(length).context, other.padded(length).context, weight)
        pooled = None
        if self.pooled is not None and other.pooled is not None:
            pooled = _lerp(self.pooled, other.pooled, weight)
        return Conditioning(mixed, self.padding, pooled, self.mixed_lengths(other, weight))

    def mixed_lengths(self, other: Conditioning, weight: float) -> tuple[int, ...] | None:
        """Those of a mixture of both, see `lerp`."""
        if self.lengths is None or other.lengths is None or weight == 0:
            return self.lengths
        if weight == 1:
            return other.lengths
        return tuple(max(pair) for pair in zip(self.lengths, other.lengths, strict=True))

    @staticmethod
    def cat(parts: Sequence[Conditioning]) -> Conditioning:
        """One batch of all rows, in order, padded to the longest."""
        length = max(part.context.shape[1] for part in parts)
        rows = [part.padded(length).context for part in parts]
        pooled = [part.pooled for part in parts if part.pooled is not None]
        lengths: tuple[int, ...] | None = None
        if parts[0].lengths is not None:
            lengths = tuple(each for part in parts for each in part.lengths or ())
        return Conditioning(
            torch.cat(rows), parts[0].padding, torch.cat(pooled) if pooled else None, lengths
        )


def _lerp(start: torch.Tensor, end: torch.Tensor, weight: float) -> torch.Tensor:
    return torch.lerp(start.float(), end.float(), weight).to(start.dtype)

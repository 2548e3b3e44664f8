"""Where data lie that have a range, such as pixels: x0 is brought back there at each step.

Unlike `guidance.dynamic_threshold`, which a person asks for, this belongs to the model: its
scheduler's config says it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Bounds:
    """A range around 0.

    Attributes:
        limit: x0 is clipped to [-limit, limit]; under thresholding, the most that s may be.
        ratio: Quantile of |x0| for dynamic thresholding (2205.11487, sec. 2.3), whose s lies in
            [1, limit]: x0 is clipped to [-s, s] and divided by s. 0 only clips.
    """

    limit: float = 1.0
    ratio: float = 0.0

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> the same within the range; each sample by itself."""
        if self.ratio == 0:
            return x0.clamp(-self.limit, self.limit)
        s = x0.abs().flatten(1).quantile(self.ratio, dim=1).clamp(1.0, max(1.0, self.limit))
        s = s.reshape(-1, *(1,) * (x0.ndim - 1))
        return x0.clamp(-s, s) / s

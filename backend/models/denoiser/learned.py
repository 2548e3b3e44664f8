"""Networks that tell a variance beside their prediction (2102.09672): twice the channels out."""

from __future__ import annotations

import torch

from backend.sampling.types import Spread


def prediction_of(
    output: torch.Tensor, channels: int, spread: Spread | None, conditionings: int = 1
) -> torch.Tensor:
    """What is predicted, (B, C, h, w), without the variance; that is left in `spread`.

    Of a batch for guidance the last conditioning's variance counts: that of the prompt.

    Args:
        output: (B, C, h, w) or (B, 2 C, h, w).
        channels: C.
        spread: Where it is left; None where nobody takes it.
        conditionings: How many are stacked along the batch.
    """
    if output.shape[1] == channels:
        return output
    predicted, fraction = output[:, :channels], output[:, channels:]
    if spread is not None:
        spread.put(fraction.chunk(conditionings)[-1])
    return predicted

"""A variance beside a prediction: split off, and the prompt's half kept."""

from __future__ import annotations

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.models.denoiser.learned import prediction_of
from backend.sampling.types import Spread

OUTPUT = torch.arange(4 * 6, dtype=torch.float32).reshape(4, 6, 1, 1)


def test_what_tells_no_variance_is_left_alone() -> None:
    spread = Spread()
    assert prediction_of(OUTPUT, 6, spread) is OUTPUT
    with pytest.raises(BadInput, match="another sampler"):
        spread.take(4)


def test_of_two_conditionings_the_last_counts() -> None:
    spread = Spread()
    predicted = prediction_of(OUTPUT, 3, spread, conditionings=2)
    assert torch.equal(predicted, OUTPUT[:, :3])
    assert torch.equal(spread.take(2), OUTPUT[2:, 3:])


def test_it_is_taken_once_and_by_the_batch_that_it_was_told_for() -> None:
    spread = Spread()
    prediction_of(OUTPUT, 3, spread)
    with pytest.raises(BadInput, match="side by side"):
        spread.take(2)
    prediction_of(OUTPUT, 3, spread)
    assert torch.equal(spread.take(4), OUTPUT[:, 3:])
    with pytest.raises(BadInput, match="side by side"):
        spread.take(4)


def test_it_may_be_told_to_nobody() -> None:
    assert prediction_of(OUTPUT, 3, None).shape == (4, 3, 1, 1)

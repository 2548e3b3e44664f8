"""A batch in as few calls as memory allows: what did not fit once is not tried again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from backend.contracts.errors import OutOfMemory
from backend.models.denoiser.batch_split import Together
from backend.models.memory.memory_pressure import Thrift, in_force

ROWS = torch.arange(7.0)[:, None]


class Call:
    """A model call that holds so many rows."""

    def __init__(self, holds: int) -> None:
        self.holds = holds
        self.sizes: list[int] = []

    def __call__(self, part: slice) -> torch.Tensor:
        rows = ROWS[part]
        self.sizes.append(len(rows))
        if len(rows) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return rows * 2


@pytest.fixture(autouse=True)
def said() -> Iterator[list[str]]:
    told: list[str] = []
    with in_force(Thrift(tell=told.append)):
        yield told


def test_what_fits_is_one_call(said: list[str]) -> None:
    call = Call(7)
    assert torch.equal(Together().in_parts(7, call), ROWS * 2)
    assert (call.sizes, said) == ([7], [])


def test_parts_have_every_row_once_and_in_order(said: list[str]) -> None:
    together, call = Together(), Call(3)
    assert torch.equal(together.in_parts(7, call), ROWS * 2)
    assert call.sizes == [7, 4, 2, 2, 2, 1]
    assert said == ["Memory was short, so each step was drawn in 4 parts."]
    call.sizes.clear()
    assert torch.equal(together.in_parts(7, call), ROWS * 2)
    assert call.sizes == [2, 2, 2, 1]
    assert len(said) == 1
    assert Call(7).sizes == []
    other = Call(7)
    Together().in_parts(7, other)  # another run tries anew
    assert other.sizes == [7]


def test_a_single_row_that_does_not_fit_is_refused() -> None:
    call = Call(0)
    with pytest.raises(OutOfMemory, match="One picture of this size is too much"):
        Together().in_parts(7, call)
    assert call.sizes == [7, 4, 2, 1, 1]


def test_what_has_no_parts_is_tried_twice() -> None:
    tried: list[int] = []

    def work() -> str:
        tried.append(1)
        if len(tried) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return "done"

    assert Together.again(work) == "done"
    assert len(tried) == 2

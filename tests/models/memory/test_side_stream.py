"""Work beside the steps: it waits for what it reads, and nobody for it till it is wanted."""

from __future__ import annotations

import torch

from backend.models.memory.devices import Device
from backend.models.memory.side_stream import SideStream
from tests.ghost.machine import Machine


def ones() -> torch.Tensor:
    return torch.ones(3, device="ghost:0")


def test_the_result_comes_when_it_is_wanted(ghost: Machine) -> None:
    side = SideStream(Device(ghost.target().device))
    x = torch.full((2, 3), 4.0, device="ghost:0")
    with ghost.watched() as waits:
        fetched = side.fetched(lambda values: values.mul(2).to(torch.uint8), x)
    assert waits == []
    assert fetched().tolist() == [[8] * 3] * 2
    assert fetched().tolist() == [[8] * 3] * 2
    del x
    assert ghost.problems == []


def test_what_is_read_beside_it_stays_till_it_was_read(ghost: Machine) -> None:
    side = SideStream(Device(ghost.target().device))
    told, untold = [ones()], [ones()]
    fetched = side.fetched(lambda values: values + told[0], ones(), told)
    told.clear()
    assert ghost.problems == []
    late = side.fetched(lambda values: values + untold.pop(), ones())
    assert any("given away" in problem for problem in ghost.problems)
    assert fetched().tolist() == late().tolist() == [2.0] * 3

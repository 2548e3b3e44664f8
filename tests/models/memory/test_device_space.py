"""A device of bounded memory between models: who goes, who takes turns, who is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

from backend.contracts.errors import OutOfMemory
from backend.contracts.holdings import Holding
from backend.models.memory import block_offload, memory_pressure
from backend.models.memory.device_space import IN_TURNS, NO_ROOM, DeviceSpace, DeviceTier
from backend.models.memory.memory_pressure import Thrift
from backend.models.memory.residency import Weights
from backend.models.patches import PatchStack

CPU = torch.device("cpu")


class Net(nn.Module):
    """Two blocks of 8 bytes, and 4 bytes beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.blocks = nn.ModuleList([nn.Linear(2, 1, bias=False) for _ in range(2)])
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sum((block(x) for block in self.blocks), self.own)


@dataclass(eq=False)
class Model:
    """A model of one part in the cache."""

    leases: int = 0
    patches: PatchStack = field(default_factory=PatchStack)
    net: Net = field(default_factory=Net)
    weights: dict[str, Weights] = field(init=False)

    def __post_init__(self) -> None:
        self.weights = {"net": Weights(self.net, list(self.net.blocks))}

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"net": self.net}

    @property
    def there(self) -> list[bool]:
        return [piece.on_device for piece in self.weights["net"].pieces]


class Beside:
    """Something else that lies on the device."""

    def __init__(self, nbytes: int, free: int = 0) -> None:
        self.nbytes, self.free = nbytes, free

    def holdings(self) -> tuple[Holding, ...]:
        return (Holding("steps", "cpu", self.nbytes),)

    def release(self) -> int:
        gone, self.nbytes, self.free = self.free, self.nbytes - self.free, 0
        return gone


class Space:
    """A device with a budget and, beyond that, a size."""

    def __init__(self, models: list[Model], budget: int, size: float = float("inf")) -> None:
        self.models, self.size, self.emptied = models, size, 0
        tier = DeviceTier(budget, self._copy, CPU, self._empty)
        self.space = DeviceSpace(tier, threading.Lock(), lambda: self.models)

    def _copy(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.space.used() + tensor.nbytes > self.size:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return tensor.clone()

    def _empty(self) -> None:
        self.emptied += 1


@pytest.fixture
def told() -> Iterator[list[str]]:
    said: list[str] = []
    with memory_pressure.in_force(Thrift(tell=said.append)):
        yield said


def test_what_fits_is_brought_whole_and_idle_copies_go_oldest_first(told: list[str]) -> None:
    old, newer, wanted = Model(), Model(), Model(leases=1)
    own = Space([old, newer, wanted], budget=45)
    for model in (old, newer, wanted):
        own.space.bring(model)
    assert [model.there for model in (old, newer, wanted)] == [[False] * 3, [True] * 3, [True] * 3]
    assert own.space.used() == 40
    own.space.bring(wanted)  # it is there
    assert told == []


def test_models_in_use_that_do_not_fit_take_turns_piece_by_piece(told: list[str]) -> None:
    model = Model(leases=1)
    plain = model.net(torch.ones(1, 2))
    own = Space([model], budget=13)
    own.space.bring(model)
    assert told == [IN_TURNS]
    assert block_offload.takes_turns(model.patches, model.net)
    assert torch.equal(model.net(torch.ones(1, 2)), plain)
    assert own.space.used() <= 13
    own.space.bring(model)
    assert told == [IN_TURNS] * 2  # whoever leases it is told


def test_what_others_keep_there_counts_and_goes_first(told: list[str]) -> None:
    model = Model(leases=1)
    own = Space([model], budget=25)
    beside = Beside(10, free=10)
    own.space.beside = (beside,)
    own.space.bring(model)
    assert beside.nbytes == 0
    assert (model.there, told) == ([True] * 3, [])
    stuck = Model(leases=1)
    crowded = Space([stuck], budget=25)
    crowded.space.beside = (Beside(10),)
    crowded.space.bring(stuck)
    assert told == [IN_TURNS]


def test_a_device_smaller_than_its_budget_ends_in_turns(told: list[str]) -> None:
    model = Model(leases=1)
    own = Space([model], budget=100, size=13)
    own.space.bring(model)
    assert told == [IN_TURNS]
    assert own.emptied > 0
    model.net(torch.ones(1, 2))
    assert own.space.used() <= 13


def test_a_piece_that_finds_no_room_is_told_in_a_sentence(told: list[str]) -> None:
    model = Model(leases=1)
    own = Space([model], budget=100, size=6)
    own.space.bring(model)
    with pytest.raises(OutOfMemory, match="no room for a part of this model"):
        model.net(torch.ones(1, 2))
    assert NO_ROOM.startswith("The device has no room for this model")


def test_relief_sends_everything_home_and_says_so_once(told: list[str]) -> None:
    idle, busy = Model(), Model(leases=1)
    own = Space([idle, busy], budget=100)
    own.space.bring(idle)
    own.space.bring(busy)
    own.space.relieve()
    own.space.relieve()
    assert own.space.used() == 0
    assert told == [IN_TURNS]
    assert not block_offload.takes_turns(idle.patches, idle.net)


def test_a_part_that_must_stay_stays(told: list[str]) -> None:
    model = Model(leases=1)
    own = Space([model], budget=100)
    own.space.bring(model)
    with block_offload.kept(model.patches, model.net):
        own.space.relieve()
        assert model.there == [True] * 3
    assert told == []

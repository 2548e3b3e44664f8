"""A model whose pieces take turns: who is asked where it computes, and what stays where it is."""

from __future__ import annotations

import torch
from torch import nn

from backend.models.memory import block_offload
from backend.models.memory.block_offload import Turns
from backend.models.memory.residency import Piece, Weights
from backend.models.patches import PatchStack

META = torch.device("meta")


class Blocks(nn.Module):
    """Two blocks after a layer of its own, as a UNet has them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.down_blocks = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for block in self.down_blocks:
            x = block(x)
        return x


class Place:
    """A device that is a clone; it holds one piece, but for those that must stay."""

    def __init__(self, patches: PatchStack, module: Blocks) -> None:
        self.patches, self.module = patches, module
        self.came: list[int] = []
        self.settled = 0
        self.weights = Weights(module, module.down_blocks)

    def need(self, weights: Weights, piece: Piece) -> None:
        self.came.append(weights.pieces.index(piece))
        if not self.patches.needs(self.module).in_place:
            weights.detach()
        piece.attach(torch.clone)

    def settle(self) -> None:
        self.settled += 1

    def turns(self) -> Turns:
        return Turns(self.weights, META, self.need, self.settle)


def test_each_piece_comes_before_it_works_and_the_result_is_the_same() -> None:
    patches, module = PatchStack(), Blocks()
    x = torch.ones(1, 2)
    plain = module(x)
    place = Place(patches, module)
    block_offload.begin(patches, module, place.turns())
    block_offload.begin(patches, module, place.turns())  # it takes turns already
    assert torch.equal(module(x), plain)
    assert place.came == [0, 1, 2]
    assert [piece.on_device for piece in place.weights.pieces] == [False, False, True]


def test_where_it_computes_is_known_though_its_weights_are_elsewhere() -> None:
    patches, module, other = PatchStack(), Blocks(), Blocks()
    assert block_offload.device_of(patches, module) == torch.device("cpu")
    block_offload.begin(patches, module, Place(patches, module).turns())
    assert block_offload.takes_turns(patches, module)
    assert block_offload.device_of(patches, module) == META
    assert block_offload.device_of(patches, other) == torch.device("cpu")
    assert block_offload.device_of(PatchStack(), module) == torch.device("cpu")


def test_what_is_kept_is_there_as_a_whole_and_does_not_go_home() -> None:
    patches, module = PatchStack(), Blocks()
    place = Place(patches, module)
    block_offload.begin(patches, module, place.turns())
    size = place.weights.nbytes
    with block_offload.kept(patches, module):
        assert place.weights.device_bytes == size
        with block_offload.kept(patches, module):
            block_offload.send_home(patches, module)
        block_offload.send_home(patches, module)
        assert place.weights.device_bytes == size
    block_offload.send_home(patches, module)
    assert place.weights.device_bytes == 0


def test_whoever_changes_the_masters_waits_for_copies_of_them() -> None:
    patches, module = PatchStack(), Blocks()
    place = Place(patches, module)
    place.weights.pin(torch.clone)
    block_offload.begin(patches, module, place.turns())
    block_offload.send_home(patches, module)
    assert place.settled == 0
    block_offload.bring(patches, module)
    block_offload.send_home(patches, module)
    block_offload.send_home(patches, module)
    assert place.settled == 1


def test_at_the_end_the_module_is_its_own_again() -> None:
    patches, module = PatchStack(), Blocks()
    place = Place(patches, module)
    block_offload.begin(patches, module, place.turns())
    module(torch.ones(1, 2))
    block_offload.end(patches, module)
    block_offload.end(patches, module)
    assert place.weights.device_bytes == 0
    assert not block_offload.takes_turns(patches, module)
    came = len(place.came)
    module(torch.ones(1, 2))
    assert len(place.came) == came
    assert all(not part._forward_pre_hooks for part in module.modules())


def test_a_model_that_is_there_as_a_whole_is_left_alone() -> None:
    patches, module = PatchStack(), Blocks()
    before = [tensor.data_ptr() for tensor in module.parameters()]
    block_offload.bring(patches, module)
    block_offload.send_home(patches, module)
    with block_offload.kept(patches, module):
        assert patches.needs(module).in_place
    assert [tensor.data_ptr() for tensor in module.parameters()] == before

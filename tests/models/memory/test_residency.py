"""Where weights lie: masters in RAM, copies that modules follow, pieces in the blocks' order."""

from __future__ import annotations

import torch
from torch import nn

from backend.models.memory.residency import Piece, Weights, content_key, divided


class Blocks(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first = nn.Linear(2, 2)
            self.blocks = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 3)])
            self.last = nn.BatchNorm1d(3)
        self.requires_grad_(False)


def test_what_is_in_no_block_comes_first_and_the_blocks_in_their_order() -> None:
    module = Blocks()
    pieces = divided(module, list(module.blocks))
    assert [root for root, _ in pieces] == [module, *module.blocks]
    held = [{id(tensor) for tensor in tensors} for _, tensors in pieces]
    assert held[1] == {id(module.blocks[0].weight), id(module.blocks[0].bias)}
    everything = {id(t) for t in (*module.parameters(), *module.buffers())}
    assert set.union(*held) == everything
    assert sum(map(len, held)) == len(everything)  # each once
    assert len(divided(module)) == 1


def test_a_tensor_that_blocks_share_is_of_the_first() -> None:
    module = Blocks()
    module.blocks[1] = module.blocks[0]
    sizes = [len(tensors) for _, tensors in divided(module, list(module.blocks))]
    assert sizes[1:] == [2, 0]


def test_modules_follow_the_copies_and_come_back_to_the_masters() -> None:
    module = Blocks()
    parameter = module.blocks[0].weight
    before = parameter.clone()
    weights = Weights(module, list(module.blocks))
    assert weights.roots(module) == (module, *module.blocks)
    master = parameter.data_ptr()
    weights.pieces[1].attach(lambda tensor: tensor + 1)
    assert module.blocks[0].weight is parameter  # who holds the parameter sees the copy
    assert torch.equal(parameter, before + 1)
    assert weights.device_bytes == weights.pieces[1].nbytes == 24
    parameter.zero_()
    weights.detach()
    assert parameter.data_ptr() == master
    assert torch.equal(parameter, before)  # nothing is copied back
    assert weights.device_bytes == 0


def test_a_module_of_the_same_contents_shares_them_until_it_leaves() -> None:
    one, other = Blocks(), Blocks()
    weights = Weights(one, list(one.blocks))
    weights.adopt(other, list(other.blocks))
    assert weights.modules == (one, other)
    assert other.first.weight.data_ptr() == one.first.weight.data_ptr()
    weights.attach(lambda tensor: tensor.clone())
    assert other.first.weight.data_ptr() == one.first.weight.data_ptr()
    weights.leave(other)
    assert weights.modules == (one,)
    assert other.first.weight.data_ptr() != one.first.weight.data_ptr()  # it is at the masters


def test_pinned_masters_may_be_read_by_a_copy_in_flight() -> None:
    module = nn.Linear(2, 2).requires_grad_(False)
    weights = Weights(module)
    (piece,) = weights.pieces
    piece.attach(torch.clone)
    assert not piece.in_flight
    weights.detach()
    weights.pin(lambda tensor: tensor.clone())
    assert torch.equal(module.weight, module.weight)
    piece.attach(torch.clone)
    assert piece.in_flight


def test_attaching_twice_copies_once() -> None:
    calls: list[torch.Tensor] = []
    piece = Piece([torch.zeros(2)])

    def copy(tensor: torch.Tensor) -> torch.Tensor:
        calls.append(tensor)
        return tensor.clone()

    piece.attach(copy)
    piece.attach(copy)
    assert len(calls) == 1
    assert (piece.on_device, piece.device_bytes) == (True, 8)


def test_contents_are_known_by_every_byte() -> None:
    assert content_key(Blocks()) == content_key(Blocks())
    assert content_key(Blocks()) != content_key(Blocks(seed=1))
    changed = Blocks()
    changed.get_buffer("last.running_mean")[0] = 1e-9
    assert content_key(changed) != content_key(Blocks())

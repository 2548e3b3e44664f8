"""What the devices that are not there refuse, notice and count."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.ghost.alone import ran_alone
from tests.ghost.machine import Machine
from tests.ghost.tensors import Ghost

X = [[3.0, 1.0], [0.0, 2.0]]
KNOWN: dict[str, Callable[[torch.Tensor], object]] = {
    "item": lambda x: x.sum().item(),
    "if": lambda x: 1 if x.sum() > 0 else 0,
    "float": lambda x: float(x.max()),
    "tolist": lambda x: x.tolist(),
    "cpu": lambda x: x.cpu(),
    "not blocking, to pageable memory": lambda x: torch.zeros(2, 2).copy_(x, non_blocking=True),
    "from pageable memory": lambda x: torch.ones(2, 2).to(x.device),
    "large, from pageable memory": lambda x: torch.ones(999).to(x.device, non_blocking=True),
    "torch.tensor": lambda x: torch.tensor([1.0, 2.0], device=x.device),
    "nonzero": lambda x: torch.nonzero(x),
    "where": lambda x: torch.where(x > 1),
    "unique": lambda x: torch.unique(x),
    "masked_select": lambda x: torch.masked_select(x, x > 1),
    "index by a mask": lambda x: x[x > 1],
    "write by a mask": lambda x: x.clone().__setitem__(x > 1, x[0]),
    "index by a CPU tensor": lambda x: x[torch.tensor([1, 0])],
    "index by a list": lambda x: x[[1, 0]],
    "repeat_interleave by a tensor": lambda x: x.repeat_interleave(
        torch.ones(2, dtype=torch.int64, device=x.device).add(1), dim=0
    ),
    "equal": lambda x: torch.equal(x, x),
}


@pytest.mark.parametrize("work", KNOWN.values(), ids=list(KNOWN))
def test_a_known_wait_is_caught(ghost: Machine, work: Callable[[torch.Tensor], object]) -> None:
    x = torch.tensor(X).to("ghost:0")
    with ghost.watched() as waits:
        work(x)
    assert len(waits) >= 1


def test_what_is_only_queued_is_no_wait(ghost: Machine) -> None:
    x, host = torch.tensor(X).to("ghost:0"), torch.ones(999).pin_memory()
    layer = nn.Conv2d(1, 2, 3)
    with ghost.watched() as waits:
        big = host.to("ghost:0", non_blocking=True)
        small = torch.ones(2).to("ghost:0", non_blocking=True)
        y = torch.zeros(2, 2, device="ghost:0").add_(x * small).clamp(0, 1)
        y[:, 0] = 2.0
        y = torch.cat([y, torch.randn_like(y)]).repeat_interleave(2, dim=0)
        heads = y[None, None]
        functional.scaled_dot_product_attention(heads, heads, heads)
        y[torch.arange(2, device="ghost:0")].masked_fill_(x > 1, 0.0)
        torch.ones(3).pin_memory().copy_(big[:3], non_blocking=True)
        layer(torch.ones(1, 1, 8, 8))
    assert waits == []
    assert y.device == torch.device("ghost:0")


def test_a_wait_says_which_line_of_the_product_did_it(ghost: Machine) -> None:
    from backend.models.autoencoder.uint8 import to_uint8

    to_uint8(torch.zeros(1, 3, 2, 2, device="ghost:0"))
    assert [str(wait).rsplit(":", 1)[0] for wait in ghost.waits] == [
        "copy to the host in backend/models/autoencoder/uint8.py"
    ]


def test_devices_are_not_mixed(ghost: Machine) -> None:
    a, b, c = torch.ones(2, device="ghost:0"), torch.ones(2, device="ghost:1"), torch.ones(2)
    for work in (lambda: a + b, lambda: a + c, lambda: c.add_(a), lambda: torch.cat([a, c])):
        with pytest.raises(RuntimeError, match="one device"):
            work()
    with pytest.raises(RuntimeError, match="one device"):
        c[torch.zeros(1, dtype=torch.int64, device="ghost:0")]
    with pytest.raises(TypeError):
        a.numpy()
    moved = a.to("ghost:1") + b  # an explicit copy is allowed
    assert moved.cpu().tolist() == [2.0, 2.0]
    assert (a + torch.tensor(2.0)).cpu().tolist() == [3.0, 3.0]


def test_results_are_those_of_the_cpu_and_views_share_their_memory(ghost: Machine) -> None:
    torch.manual_seed(0)
    x, conv = torch.randn(2, 4, 8, 8), nn.Conv2d(4, 4, 3)
    there = x.to("ghost:0")
    weight, bias = (own.detach().to("ghost:0") for own in conv.parameters())
    made = functional.conv2d(there, weight, bias)
    assert torch.equal(made.cpu(), conv(x).detach())
    used = ghost.memory.used[0]
    first = there[0]
    first.zero_()
    assert there.cpu()[0].abs().max() == 0.0
    assert ghost.memory.used[0] == used
    del there, first, made, weight, bias
    assert ghost.memory.used[0] == 0


def test_memory_runs_short_when_it_is_told_to(ghost: Machine) -> None:
    ghost.memory.capacity = 100
    kept = torch.zeros(20, device="ghost:0")
    with pytest.raises(torch.OutOfMemoryError, match="ghost:0"):
        kept.add(1)
    assert torch.zeros(20, device="ghost:1").sum().device.index == 1
    ghost.memory.capacity = 1000
    number = ghost.memory.allocations
    ghost.memory.refuses = lambda count, nbytes: count == number + 2
    kept = kept + 1
    with pytest.raises(torch.OutOfMemoryError):
        kept.add(1)
    assert (kept + 1).cpu()[0] == 2.0


def test_a_stream_that_did_not_wait_is_found_out(ghost: Machine) -> None:
    cuda = torch.get_device_module("ghost")
    x = torch.ones(3, device="ghost:0")
    side = cuda.Stream(x.device)
    with cuda.stream(side):
        x.add(1)
    assert ghost.problems == ["aten::add reads what another stream has yet to write"]
    side.wait_stream(cuda.current_stream(x.device))
    with cuda.stream(side):
        y = x + 1
    assert len(ghost.problems) == 1
    del x
    assert ghost.problems[1:] == ["aten::add may read memory that was given away"]
    y.record_stream(cuda.current_stream(y.device))


def test_what_comes_without_waiting_is_there_after_its_event(ghost: Machine) -> None:
    cuda = torch.get_device_module("ghost")
    x = torch.full((3,), 5.0, device="ghost:0")
    host = torch.zeros(3).pin_memory().copy_(x, non_blocking=True)
    arrived = cuda.Event()
    arrived.record(cuda.current_stream(x.device))
    assert host.tolist() != [5.0] * 3
    arrived.synchronize()
    assert host.tolist() == [5.0] * 3


def test_gradients_flow_and_modules_are_copied(
    ghost: Machine, request: pytest.FixtureRequest
) -> None:
    if ran_alone(request):
        return
    layer = nn.Linear(2, 1).requires_grad_(False)
    for name, own in layer.named_parameters():
        setattr(layer, name, nn.Parameter(own.detach().to("ghost:0")))
    twin = copy.deepcopy(layer)
    twin(torch.ones(1, 2, device="ghost:0")).sum().backward()
    assert isinstance(twin.weight.grad, Ghost)
    assert twin.weight.grad.cpu().tolist() == [[1.0, 1.0]]
    assert layer.weight.grad is None

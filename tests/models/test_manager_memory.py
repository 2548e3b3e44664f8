"""Two places for weights, parts in common, idle release: on a device made of clones."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from backend.contracts.errors import OutOfMemory
from backend.models.manager import ModelManager
from backend.models.memory import memory_pressure
from backend.models.memory.device_space import IN_TURNS, DeviceTier
from backend.models.memory.memory_pressure import Thrift
from backend.models.memory.residency import Weights, content_key
from tests.models.test_manager import Bytes, Fake, Loader, fake, use

CPU = torch.device("cpu")


class Device:
    """Copies tensors into "device memory" of a fixed size, and counts."""

    def __init__(self, size: float = math.inf) -> None:
        self.size = size
        self.copied: list[int] = []
        self.copies: list[torch.Tensor] = []
        self.emptied = 0

    def copy(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.size < tensor.nbytes:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.copied.append(tensor.nbytes)
        self.copies.append(tensor.clone())
        return self.copies[-1]

    def empty(self) -> None:
        self.emptied += 1

    def tier(self, budget: int) -> DeviceTier:
        return DeviceTier(budget, self.copy, CPU, self.empty)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_leased_model_runs_on_the_device_and_ends_up_in_ram() -> None:
    device = Device()
    manager = ModelManager(fake, 100, device=device.tier(100))
    with manager.lease("a") as model:
        on_device = model.parts["unet"].get_buffer("data")
        assert on_device.data_ptr() == device.copies[0].data_ptr()
    assert manager.used_bytes == manager.ram_bytes == 10
    assert manager.free() == 20
    assert model.parts["unet"].get_buffer("data").data_ptr() != device.copies[0].data_ptr()


def test_the_device_evicts_copies_and_ram_keeps_the_masters() -> None:
    device, loader = Device(), Loader()
    manager = ModelManager(loader, 100, device=device.tier(20))
    for name in ("a", "b", "c"):
        use(manager, name)
    assert (manager.used_bytes, manager.ram_bytes) == (20, 30)
    where = {r.models[0]: r.device_bytes for r in manager.residents()}
    assert where == {"a": 0, "b": 10, "c": 10}
    # Switching back costs a transfer, no load; nothing was ever copied back.
    use(manager, "a")
    assert loader.calls == ["a", "b", "c"]
    assert device.copied == [10] * 4
    use(manager, "a")
    assert device.copied == [10] * 4


def test_eviction_drops_what_was_done_to_a_copy() -> None:
    manager = ModelManager(fake, 100, device=Device().tier(10))
    with manager.lease("a") as model:
        model.parts["unet"].get_buffer("data").zero_()
    use(manager, "b")
    assert bytes(model.parts["unet"].get_buffer("data").tolist()) == b"a".ljust(10)


def test_models_in_use_that_do_not_fit_together_take_turns() -> None:
    told: list[str] = []
    manager = ModelManager(fake, 100, device=Device().tier(10))
    with (
        memory_pressure.in_force(Thrift(tell=told.append)),
        manager.lease("a") as a,
        manager.lease("b") as b,
    ):
        for model in (a, b, a):
            unet = model.parts["unet"]
            unet()
            assert manager.used_bytes == 10
            here = next(r for r in manager.residents() if r.models == (model.name,))
            assert here.device_bytes == 10
    assert manager.used_bytes == 10
    assert told == [IN_TURNS]


def test_a_part_in_common_is_kept_once() -> None:
    def load(name: str) -> Fake:
        return Fake(name, {"unet": Bytes(name), "vae": Bytes("same", 4)})

    device = Device()
    manager = ModelManager(load, 100, device=device.tier(100))
    with manager.lease("a") as a, manager.lease("b") as b:
        assert manager.used_bytes == manager.ram_bytes == 24
        one, other = (model.parts["vae"].get_buffer("data") for model in (a, b))
        assert one.data_ptr() == other.data_ptr()
    shared = next(r for r in manager.residents() if r.part == "vae")
    assert set(shared.models) == {"a", "b"}
    assert sum(r.ram_bytes for r in manager.residents()) == 24


def test_the_last_user_takes_a_shared_part_along() -> None:
    def load(name: str) -> Fake:
        return Fake(name, {"unet": Bytes(name), "vae": Bytes("same", 4)})

    manager = ModelManager(load, 24)
    for name in ("a", "b", "c"):
        use(manager, name)
    assert manager.names == ("b", "c")
    assert manager.ram_bytes == 24
    assert manager.free() == 24


def test_the_same_bytes_under_another_name_or_layout_are_not_the_same() -> None:
    class Other(nn.Module):
        def __init__(self, data: torch.Tensor) -> None:
            super().__init__()
            self.register_buffer("data", data)

    square = torch.arange(16).view(1, 2, 2, 4)
    keys = {
        content_key(Other(square)),
        content_key(Other(square.view(1, 4, 2, 2))),
        content_key(Other(square.to(memory_format=torch.channels_last))),
        content_key(Other(square.float())),
        content_key(Other(square + 1)),
        content_key(Other(torch.tensor(3))),
    }
    assert len(keys) == 6
    assert content_key(Other(square)) == content_key(Other(square.clone()))


def test_tied_weights_stay_one() -> None:
    module = nn.ModuleList([nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)])
    module[1].weight = module[0].weight
    weights, device = Weights(module), Device()
    weights.attach(device.copy)
    assert weights.nbytes == weights.device_bytes == 36
    assert len(device.copied) == 1
    assert module[0].weight is module[1].weight
    assert module[0].weight.data_ptr() == device.copies[0].data_ptr()


def test_a_full_device_lets_every_idle_copy_go_and_tries_again() -> None:
    device = Device()
    manager = ModelManager(fake, 100, device=DeviceTier(100, lambda t: full(t), CPU, device.empty))
    refusals = iter([False, True])

    def full(tensor: torch.Tensor) -> torch.Tensor:
        if next(refusals, False):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return device.copy(tensor)

    use(manager, "a")
    use(manager, "b")
    assert [r.device_bytes for r in manager.residents()] == [10, 0]
    assert device.emptied == 1


def test_a_device_that_stays_full_is_told_in_a_sentence_and_nothing_leaks() -> None:
    device = Device(size=5)
    manager = ModelManager(fake, 100, device=device.tier(100))
    with (
        manager.lease("a") as model,
        pytest.raises(OutOfMemory, match="no room for a part of this model, which takes"),
    ):
        model.parts["unet"]()
    assert manager.used_bytes == 0
    assert manager.free() == 10
    device.size = 10
    with manager.lease("a") as model:
        model.parts["unet"]()
        assert manager.used_bytes == 10


def test_what_fits_again_is_brought_as_a_whole() -> None:
    device = Device()
    manager = ModelManager(fake, 100, device=device.tier(15))
    with manager.lease("a"), manager.lease("b"):
        assert manager.used_bytes == 10
    with manager.lease("b"):
        assert manager.residents()[0].device_bytes == 10


def test_a_part_that_works_for_a_model_without_turns_stays() -> None:
    """Parts in common: one of their users may take turns, the one that works may not."""

    def load(name: str) -> Fake:
        return Fake(name, {"vae": Bytes("same"), "unet": Bytes(name)})

    manager = ModelManager(load, 100, device=Device().tier(25))
    with manager.lease("a") as a, manager.lease("b"):
        a.parts["unet"]()
    with manager.lease("c") as c:
        assert [r.device_bytes for r in manager.residents()[:2]] == [10, 10]
        c.parts["unet"]()
        assert manager.used_bytes == 20


def test_room_is_made_before_a_model_is_loaded() -> None:
    held: list[int] = []

    def load(name: str) -> Fake:
        held.append(manager.ram_bytes)
        return fake(name)

    manager: ModelManager[Fake] = ModelManager(load, 20, expect=lambda name: 10)
    for name in ("a", "b", "c", "d"):
        use(manager, name)
    assert held == [0, 10, 10, 10]


def test_idle_models_are_released_and_leased_ones_are_not() -> None:
    clock = Clock()
    manager = ModelManager(fake, 100, idle_s=60, clock=clock)
    use(manager, "a")
    clock.now = 40
    use(manager, "b")
    assert [r.idle_s for r in manager.residents()] == [0.0, 40.0]
    clock.now = 60
    assert manager.release_idle() == ("a",)
    with manager.lease("b"):
        clock.now = 1000
        assert manager.release_idle() == ()
        assert manager.residents()[0].in_use
    assert manager.release_idle() == ()
    clock.now = 1060
    assert manager.release_idle() == ("b",)
    assert manager.ram_bytes == 0

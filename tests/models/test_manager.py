from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

from backend.contracts.errors import ModelProblem
from backend.models import manager as manager_module
from backend.models.manager import ModelManager
from backend.models.patches import PatchStack


class Bytes(nn.Module):
    """A part of so many bytes, different from every other one."""

    def __init__(self, text: str, size: int = 10) -> None:
        super().__init__()
        self.data: torch.Tensor
        values = text.encode().ljust(size)[:size]
        self.register_buffer("data", torch.tensor(list(values), dtype=torch.uint8))

    def forward(self) -> torch.Tensor:
        return self.data


@dataclass(frozen=True, eq=False)
class Fake:
    name: str
    parts: dict[str, nn.Module]
    patches: PatchStack = field(default_factory=PatchStack)
    # It holds one, which nobody else's is compared with.
    blocks: dict[str, tuple[nn.Module, ...]] = field(default_factory=lambda: {"unet": ()})


def fake(name: str) -> Fake:
    return Fake(name, {"unet": Bytes(name)})


class Loader:
    """Counts its calls; can be slow or fail."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing = False
        self.gate: threading.Event | None = None

    def __call__(self, name: str) -> Fake:
        self.calls.append(name)
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.failing:
            raise ModelProblem(f"{name} is damaged.")
        return fake(name)


def use(manager: ModelManager[Fake], name: str) -> Fake:
    with manager.lease(name) as model:
        return model


def test_a_model_is_loaded_once_and_shared() -> None:
    loader = Loader()
    manager = ModelManager(loader, 100)
    assert use(manager, "a") is use(manager, "a")
    assert loader.calls == ["a"]
    assert manager.used_bytes == 10


def test_the_least_recently_used_goes_first() -> None:
    loader = Loader()
    manager = ModelManager(loader, 30)
    for name in ("a", "b", "c", "a", "d"):
        use(manager, name)
    assert manager.names == ("c", "a", "d")
    use(manager, "b")
    assert loader.calls == ["a", "b", "c", "d", "b"]
    assert manager.used_bytes == 30


def test_leased_models_stay_whatever_the_budget() -> None:
    manager = ModelManager(Loader(), 15)
    with manager.lease("a"), manager.lease("b"), manager.lease("a"):
        assert manager.used_bytes == 20
        assert manager.free() == 0
    assert manager.used_bytes == 10
    assert manager.free() == 10
    assert manager.names == ()


def test_a_model_above_the_budget_works_and_is_not_kept() -> None:
    manager = ModelManager(Loader(), 5)
    with manager.lease("a") as model:
        assert model.name == "a"
        assert manager.names == ("a",)
    assert manager.names == ()


def test_a_lease_ends_with_an_error_too() -> None:
    manager = ModelManager(Loader(), 100)
    with pytest.raises(ValueError, match="inside"), manager.lease("a"):
        raise ValueError("inside")
    assert manager.free() == 10


def test_a_failed_load_leaves_the_cache_and_may_be_tried_again() -> None:
    loader = Loader()
    manager = ModelManager(loader, 10)
    use(manager, "a")
    loader.failing = True
    with pytest.raises(ModelProblem, match="b is damaged"):
        use(manager, "b")
    assert manager.names == ("a",)
    loader.failing = False
    assert use(manager, "b").name == "b"


@pytest.mark.parametrize("failing", [False, True])
def test_threads_that_ask_at_once_load_once(failing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[int] = []

    class Load(manager_module._Loading):
        def __init__(self) -> None:
            super().__init__()
            wait = self.done.wait
            self.done.wait = lambda timeout=None: waiting.append(1) or wait(timeout)

    monkeypatch.setattr(manager_module, "_Loading", Load)
    loader = Loader()
    loader.gate, loader.failing = threading.Event(), failing
    manager = ModelManager(loader, 100)
    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(use, manager, "a") for _ in range(8)]
        while len(waiting) < 7:  # the eighth loads
            time.sleep(0.001)
        assert loader.calls == ["a"]
        loader.gate.set()
        outcomes = [result.exception(10) or result.result() for result in results]
    assert loader.calls == ["a"]
    assert len({id(outcome) for outcome in outcomes}) == 1
    assert isinstance(outcomes[0], ModelProblem if failing else Fake)
    assert manager.free() == (0 if failing else 10)


def test_a_slow_load_does_not_block_other_models() -> None:
    loader = Loader()
    manager = ModelManager(loader, 100)
    use(manager, "ready")
    loader.gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(use, manager, "slow")
        while "slow" not in loader.calls:
            time.sleep(0.001)
        assert use(manager, "ready").name == "ready"
        assert not slow.done()
        loader.gate.set()
        assert slow.result(10).name == "slow"


def test_many_threads_never_see_a_wrong_model_or_leak_a_lease() -> None:
    manager = ModelManager(Loader(), 20)

    def work(number: int) -> None:
        for turn in range(50):
            name = "abcde"[(number * 7 + turn * 3) % 5]
            with manager.lease(name) as model:
                assert model.name == name

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert manager.used_bytes <= 20
    manager.free()
    assert manager.used_bytes == 0

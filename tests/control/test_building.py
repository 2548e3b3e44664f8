"""One network is built at a time, whoever asks for it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from backend.control import learned
from backend.control.building import BUILDING
from backend.engine.local import cache
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.family import Registry
from backend.models.memory.devices import pick


def held() -> bool:
    """Whether anybody is building; asked by a thread that is not."""
    found: list[bool] = []

    def look() -> None:
        free = BUILDING.acquire(blocking=False)
        if free:
            BUILDING.release()
        found.append(not free)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


class Looks:
    """Stands for whatever builds: says whether others are kept out meanwhile."""

    def __init__(self) -> None:
        self.seen: list[bool] = []

    def __call__(self, *args: Any, **values: Any) -> None:
        self.seen.append(held())

    load = skeleton = from_pretrained = __call__


def test_models_their_skeletons_and_detectors_are_built_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looks: Any = Looks()
    looks.path = tmp_path
    assert not held()
    monkeypatch.setattr(Registry, "of", lambda self, info: looks)
    FAMILIES.load(looks, pick("cpu", "float32"))
    FAMILIES.skeleton(looks)
    monkeypatch.setattr(learned, "detector_class", lambda name: looks)
    learned._load("mlsd", "a folder of this test")
    monkeypatch.setattr(cache.upscaler, "load_upscaler", looks)
    monkeypatch.setattr(Catalog, "find", lambda self, kind, name: looks)
    models = cache.library_cache(
        Catalog([tmp_path], FAMILIES), pick("cpu", "float32"), cache.Budgets(1, 1)
    )
    with pytest.raises(AttributeError), models.lease(f"{cache.upscaler.KEY}x"):
        pass  # it is no upscaler
    assert looks.seen == [True] * 4
    assert not held()

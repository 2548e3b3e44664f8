"""One engine with a tiny model for all looks of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    """On the CPU, in float32."""
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    storage = Storage(tmp_path_factory.mktemp("data"))
    made = LocalEngine.create([root], storage, device="cpu", dtype="float32", warm_up=None)
    yield made
    made.close()

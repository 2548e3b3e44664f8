from __future__ import annotations

from pathlib import Path

import pytest

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.memory.devices import pick
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with an eps and a v checkpoint; shared, so tests leave it as it is."""
    root = tmp_path_factory.mktemp("models")
    card = {"native_size": 96, "guidance_scale": 4.0, "known_words": ["fish"], "from_later": 1}
    tiny_checkpoint(root / "checkpoints" / "tiny-eps")
    tiny_checkpoint(root / "checkpoints" / "tiny-v", "v_prediction", seed=1, card=card)
    return root


@pytest.fixture(scope="session")
def eps(root: Path) -> Checkpoint:
    return FAMILIES.load(Catalog([root], FAMILIES).checkpoint("tiny-eps"), pick("cpu", "float32"))


@pytest.fixture(scope="session")
def v(root: Path) -> Checkpoint:
    return FAMILIES.load(Catalog([root], FAMILIES).checkpoint("tiny-v"), pick("cpu", "float32"))

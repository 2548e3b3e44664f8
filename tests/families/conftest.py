"""What the tests of several families need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow_side import FlowSide


@pytest.fixture(scope="module")
def side(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowSide]:
    """The engine over the models of a module of tests (`root`), and diffusers beside it."""
    side = FlowSide(root, tmp_path_factory.mktemp("data"))
    yield side
    side.close()

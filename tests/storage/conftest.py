"""A store of presets with one that is bundled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.storage.presets import PresetStore
from tests.storage.preset_files import document


@pytest.fixture
def store(tmp_path: Path) -> PresetStore:
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    (bundled / "default.json").write_text(json.dumps(document(name="Default")))
    return PresetStore(bundled, tmp_path / "own")

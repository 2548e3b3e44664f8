"""The page's whole world, as a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from backend.storage.outputs import Storage
from backend.storage.presets import PresetStore
from backend.storage.styles import StyleFiles
from ui.server.studio import Studio


def test_the_folder_that_may_be_served_is_the_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradio compares real paths, so a relative folder or a link would be refused."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "data").symlink_to("real")
    studio = Studio(
        cast(Any, None),
        PresetStore(tmp_path / "bundled", tmp_path / "presets"),
        Storage(Path("data")),
        StyleFiles(tmp_path / "bundled.json", tmp_path / "own.json"),
    )
    assert studio.outputs == tmp_path.resolve() / "real" / "outputs"

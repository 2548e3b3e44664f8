"""SDXL: whose a file or folder is."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.families.sdxl import SDXL
from backend.models.catalog.card import Card
from tests.original import original_checkpoint
from tests.tiny import tiny_checkpoint, tiny_sdxl


def test_it_knows_its_folders_and_leaves_others_alone(tmp_path: Path) -> None:
    found = SDXL.recognise(tiny_sdxl(tmp_path / "xl"), Card())
    assert found is not None
    assert found.anatomy.text_widths == (32, 32)
    assert SDXL.recognise(tiny_checkpoint(tmp_path / "tiny"), Card()) is None


def test_its_files_are_its_own_though_sd_would_take_any(tmp_path: Path) -> None:
    path = original_checkpoint(tmp_path / "xl.safetensors", "sdxl")
    family, found = FAMILIES.recognise(path, Card())
    assert family is SDXL
    assert len(found.anatomy.text_widths) == 2
    other = original_checkpoint(tmp_path / "one.safetensors", "sd1")
    assert SDXL.recognise(other, Card()) is None
    other.write_bytes(b"no header")
    with pytest.raises(ModelProblem, match="damaged"):
        SDXL.recognise(other, Card())

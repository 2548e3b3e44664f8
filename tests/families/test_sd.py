"""Stable Diffusion 1.x and 2.x: whose a file or folder is."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.families.sd import SD
from backend.models.catalog.card import Card
from tests.original import original_checkpoint
from tests.tiny import tiny_checkpoint, tiny_sdxl


def test_it_knows_its_folders_and_leaves_others_alone(tmp_path: Path) -> None:
    found = SD.recognise(tiny_checkpoint(tmp_path / "tiny"), Card())
    assert found is not None
    assert (found.anatomy.can.from_noise, found.anatomy.text_widths) == (True, (32,))
    assert SD.recognise(tiny_sdxl(tmp_path / "xl"), Card()) is None
    (tmp_path / "empty").mkdir()
    assert SD.recognise(tmp_path / "empty", Card()) is None


def test_inpainting_models_need_a_picture_and_are_not_trained(tmp_path: Path) -> None:
    found = SD.recognise(tiny_checkpoint(tmp_path / "paints", in_channels=9), Card())
    assert found is not None
    assert not found.anatomy.can.from_noise
    assert not found.anatomy.can.training


def test_a_single_file_is_named_by_its_family(tmp_path: Path) -> None:
    path = original_checkpoint(tmp_path / "one.safetensors", "sd1")
    family, found = FAMILIES.recognise(path, Card())
    assert family is SD
    assert found.anatomy.factor == 8
    path.write_bytes(b"no header")
    with pytest.raises(ModelProblem, match="damaged"):
        FAMILIES.recognise(path, Card())

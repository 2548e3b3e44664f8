"""The digits' UNet, and the folder that it becomes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMPipeline

from backend.contracts.errors import BadInput, StorageProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.training.digits.network import make, publish


def test_weights_follow_the_seed() -> None:
    torch.manual_seed(9)
    before = torch.rand(1)
    torch.manual_seed(9)
    one, same, other = make(4, 1), make(4, 1), make(4, 2)
    assert torch.rand(1) == before, "whoever else draws is not disturbed"
    pairs = list(zip(one.parameters(), same.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(one.conv_in.weight, other.conv_in.weight)
    assert tuple(make(10, 0).config["block_out_channels"]) == (10, 20, 40, 80)


def test_it_is_a_folder_of_diffusers_that_the_catalog_lists(tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    unet = make(4, 0).eval()
    publish(unet, checkpoints / "my digits")
    assert os.listdir(checkpoints) == ["my digits"]
    pipeline: Any = DDPMPipeline.from_pretrained(checkpoints / "my digits")
    assert torch.equal(pipeline.unet.conv_in.weight, unet.conv_in.weight)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    info = Catalog([tmp_path], FAMILIES).checkpoint("my digits")
    assert (info.family, info.native_size, info.anatomy.can.classes) == ("pixels", (32, 32), 10)
    assert info.card.title == "my digits (drawn digits)"
    with pytest.raises(BadInput, match="already"):
        publish(unet, checkpoints / "my digits")
    assert os.listdir(checkpoints) == ["my digits"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file")
    with pytest.raises(StorageProblem, match="could not be written"):
        publish(make(4, 0), tmp_path / "checkpoints" / "digits")

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from backend.contracts.errors import ModelProblem
from backend.families.folder_loading import load_part
from backend.models.memory.devices import Target
from tests.tiny import tiny_unet

CPU = Target(torch.device("cpu"), torch.float32)


def test_weights_of_half_precision_are_found_by_their_name(tmp_path: Path) -> None:
    unet = tiny_unet()
    unet.save_pretrained(tmp_path / "plain" / "unet")
    unet.save_pretrained(tmp_path / "half" / "unet", variant="fp16")
    plain, half = (
        load_part(UNet2DConditionModel, tmp_path / name, "unet", CPU) for name in ("plain", "half")
    )
    for name, weight in plain.state_dict().items():
        assert torch.equal(weight, half.state_dict()[name]), name


def test_a_part_without_weights_is_told(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    with pytest.raises(ModelProblem, match="unet"):
        load_part(UNet2DConditionModel, tmp_path, "unet", CPU)

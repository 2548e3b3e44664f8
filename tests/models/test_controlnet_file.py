"""ControlNets in a single file of the original layout, against diffusers' own loader."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import ControlNetModel
from safetensors.torch import load_file, save_file

from backend.errors import ModelProblem
from backend.models import controlnet
from backend.models.catalog import Catalog
from backend.models.controlnet import load_controlnet
from backend.models.devices import pick
from backend.models.original import controlnet_config
from tests.original import Layout, original_checkpoint, original_controlnet

CPU = pick("cpu", "float32")


@pytest.mark.parametrize(("layout", "prefix"), [("sd1", "control_model."), ("sd2", "")])
def test_the_same_residuals_as_diffusers(tmp_path: Path, layout: Layout, prefix: str) -> None:
    path = original_controlnet(tmp_path / "ControlNet" / "a_canny.safetensors", layout,
                               prefix=prefix)
    net = load_controlnet(Catalog([tmp_path]).find("controlnet", "a_canny"), CPU)
    (tmp_path / "config").mkdir()
    config = {"_class_name": "ControlNetModel", **controlnet_config(path)}
    (tmp_path / "config" / "config.json").write_text(json.dumps(config))
    theirs = ControlNetModel.from_single_file(
        str(path), config=str(tmp_path / "config"), local_files_only=True
    )
    generator = torch.Generator().manual_seed(0)
    inputs = (
        torch.randn(1, 4, 8, 8, generator=generator), torch.tensor([500]),
        torch.randn(1, 77, 64, generator=generator), torch.rand(1, 3, 64, 64, generator=generator),
    )
    with torch.no_grad():
        ours, wanted = net.model(*inputs, return_dict=False), theirs(*inputs, return_dict=False)
    assert torch.equal(ours[1], wanted[1])
    assert all(torch.equal(a, b) for a, b in zip(ours[0], wanted[0], strict=True))
    assert float(ours[1].abs().max()) > 0


def test_it_is_chosen_for_the_checkpoint_that_it_fits(tmp_path: Path) -> None:
    original_controlnet(tmp_path / "ControlNet" / "one_canny.safetensors", "sd1")
    original_checkpoint(tmp_path / "Stable-diffusion" / "base.safetensors", "sd1")
    catalog = Catalog([tmp_path])
    found = controlnet.choose(catalog, catalog.checkpoint("base"), "canny", None)
    assert found.name == "one_canny"
    other = replace(catalog.checkpoint("base"), path=original_checkpoint(
        tmp_path / "Stable-diffusion" / "nine.safetensors", "sd1", in_channels=9
    ))
    assert not controlnet.fits(found, other)


def test_what_cannot_run_is_listed_with_the_reason(tmp_path: Path) -> None:
    path = original_controlnet(tmp_path / "controlnet" / "a.safetensors", "sd1")
    save_file(load_file(path) | {"difference": torch.zeros(1)},
              tmp_path / "controlnet" / "diff.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "controlnet" / "other.safetensors")
    catalog = Catalog([tmp_path])
    for name, sentence in (("diff", "difference"), ("other", "no ControlNet")):
        with pytest.raises(ModelProblem, match=sentence):
            catalog.find("controlnet", name)

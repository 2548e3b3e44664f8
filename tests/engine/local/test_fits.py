"""What the library says of LoRAs and ControlNets: which models each fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backend.engine.local.fits import controlnets_of, loras_of
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.lora.fit import LoraFits
from tests.lora_files import write
from tests.tiny import tiny_checkpoint
from tests.tiny_control import tiny_controlnet

LAYER = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"


def lora(path: Path, width: int) -> Path:
    return write(
        path,
        {
            f"{LAYER}.lora_A.weight": torch.ones(2, width),
            f"{LAYER}.lora_B.weight": torch.ones(16, 2),
        },
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny = tiny_checkpoint(root / "checkpoints" / "tiny")
    (root / "checkpoints" / "broken").mkdir()
    (root / "checkpoints" / "broken" / "model_index.json").write_text("{")
    lora(root / "loras" / "ink.safetensors", 32)
    lora(root / "loras" / "grand.safetensors", 2048)
    (root / "loras" / "cut.safetensors").write_bytes(b"\x10")
    tiny_controlnet(tiny, root / "controlnet" / "tiny-canny")
    (root / "controlnet" / "lost-depth").mkdir()
    (root / "controlnet" / "lost-depth" / "config.json").write_text(
        '{"_class_name": "ControlNetModel"}'
    )
    return root


def test_a_lora_names_the_models_that_it_does_not_fit(root: Path) -> None:
    catalog = Catalog([root], FAMILIES)
    loras = {entry.name: entry for entry in loras_of(catalog, LoraFits(FAMILIES))}
    assert set(loras) == {"ink", "grand", "cut"}
    assert (loras["ink"].misfits, loras["ink"].problem, loras["ink"].rank) == ({}, None, 2)
    assert set(loras["grand"].misfits) == {"tiny"}  # a model that cannot be used is not asked
    assert loras["grand"].misfits["tiny"].startswith("It was made for SDXL;")
    assert loras["cut"].problem is not None
    assert loras["cut"].misfits["tiny"] == loras["cut"].problem


def test_a_lora_that_went_away_is_passed_over(root: Path, tmp_path: Path) -> None:
    path = lora(tmp_path / "loras" / "gone.safetensors", 32)
    catalog = Catalog([tmp_path], FAMILIES)
    path.unlink()
    assert loras_of(catalog, LoraFits(FAMILIES)) == ()


def test_a_controlnet_names_the_models_that_it_fits(root: Path) -> None:
    nets = {entry.name: entry for entry in controlnets_of(Catalog([root], FAMILIES))}
    assert nets["tiny-canny"].fits == ("tiny",)
    assert nets["tiny-canny"].detectors == ("canny",)
    assert nets["lost-depth"].problem is not None
    assert nets["lost-depth"].fits == ()

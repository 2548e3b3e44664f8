"""What families of flow transformers have in common: which files are theirs, and loading."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.contracts.errors import ModelProblem
from backend.families.chroma import CHROMA
from backend.families.flow_family import FlowFamily
from backend.families.flux import FLUX
from backend.families.klein import KLEIN
from backend.families.qwen_image import QWEN_IMAGE
from backend.families.registry import FAMILIES as ALL
from backend.families.sd3 import SD3
from backend.families.zimage import ZIMAGE
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.entry import ModelInfo
from backend.models.memory.devices import Target
from tests.tiny_flow import (
    tiny_chroma,
    tiny_flux,
    tiny_klein,
    tiny_qwen_image,
    tiny_sd3,
    tiny_zimage,
)

FAMILIES: tuple[FlowFamily, ...] = (FLUX, SD3, ZIMAGE, QWEN_IMAGE, KLEIN, CHROMA)
MAKERS = {
    "flux": tiny_flux,
    "sd3": tiny_sd3,
    "zimage": tiny_zimage,
    "qwen-image": tiny_qwen_image,
    "flux2-klein": tiny_klein,
    "chroma": tiny_chroma,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for name, make in MAKERS.items():
        make(root / "checkpoints" / name)
    return root


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_folder_is_known_by_its_own_family_alone(models: Path, family: FlowFamily) -> None:
    for name in MAKERS:
        folder = models / "checkpoints" / name
        assert (family.recognise(folder, Card()) is not None) == (name == family.name)
        assert (family.found(folder) is not None) == (name == family.name)
    assert family.kinds == tuple(family.folder.pipelines)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_file_of_something_else_is_not_its(tmp_path: Path, family: FlowFamily) -> None:
    assert family.recognise(tmp_path / "nothing here", Card()) is None
    assert family.found(tmp_path) is None


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_its_skeleton_has_the_transformer(models: Path, family: FlowFamily) -> None:
    entry = _entry(models, family.name)
    made = family.skeleton(entry)
    assert made is not None
    assert "transformer" in made
    assert all(weight.is_meta for weight in made["transformer"].parameters())
    assert family.tokenizer(entry) is None


@pytest.mark.parametrize(
    "family", [FLUX, ZIMAGE, QWEN_IMAGE, KLEIN, CHROMA], ids=lambda family: family.name
)
def test_a_model_that_became_another_kind_since_is_refused(
    models: Path, tmp_path: Path, family: FlowFamily
) -> None:
    entry = _entry(models, family.name)
    other = tmp_path / entry.path.name
    shutil.copytree(models / "checkpoints" / "sd3", other)
    target = Target(torch.device("cpu"), torch.float32)
    with pytest.raises(ModelProblem, match="another kind of model than when it was listed"):
        family.load(replace(entry, path=other), target, None)


def _entry(models: Path, name: str) -> ModelInfo:
    return Catalog([models], ALL).checkpoint(name)

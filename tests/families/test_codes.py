"""Which folders are VQ models, and which are damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.contracts.errors import ModelProblem
from backend.families.codes import CODES_FAMILY
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from tests.tiny_codes import CODES, FACTOR, SIZE_PX, tiny_codes
from tests.tiny_pixels import edited, tiny_ldm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_codes(tmp_path / "checkpoints" / "codes")


def test_a_folder_of_a_vq_model_is_one(folder: Path) -> None:
    info = Catalog([folder.parent.parent], FAMILIES).checkpoint("codes")
    assert (info.recognised_by, info.family_title) == ("codes", "Codes")
    assert info.native_size == (SIZE_PX, SIZE_PX)
    assert info.anatomy.factor == FACTOR
    assert (info.anatomy.can.codes, info.anatomy.can.priors) == (CODES, ("transformer", "pixelcnn"))
    assert len(info.weights) == 5
    assert CODES_FAMILY.scheduler_config(info) == {}


def test_without_priors_it_reads_no_prompt(tmp_path: Path) -> None:
    found = CODES_FAMILY.recognise(tiny_codes(tmp_path / "bare", priors=(), sharper=False), Card())
    assert found is not None
    assert not found.anatomy.can.prompt
    assert found.anatomy.can.priors == ()


def test_others_are_left_alone(tmp_path: Path) -> None:
    assert CODES_FAMILY.recognise(tiny_ldm(tmp_path / "ldm"), Card()) is None
    assert CODES_FAMILY.recognise(tmp_path / "nothing.safetensors", Card()) is None


def test_a_damaged_one_says_what_is_wrong(folder: Path) -> None:
    edited(folder / "transformer" / "config.json", codes=CODES + 1)
    with pytest.raises(ModelProblem, match="do not belong together"):
        CODES_FAMILY.recognise(folder, Card())
    shutil.rmtree(folder / "transformer")
    edited(folder / "vqgan" / "config.json", vq_embed_dim=5)
    with pytest.raises(ModelProblem, match="not one of the same codes"):
        CODES_FAMILY.recognise(folder, Card())
    shutil.rmtree(folder / "vqgan")
    edited(folder / "pixelcnn" / "config.json", _class_name="Another")
    with pytest.raises(ModelProblem, match="names a class"):
        CODES_FAMILY.recognise(folder, Card())
    edited(folder / "pixelcnn" / "config.json", _class_name="GatedPixelCNN")
    shutil.rmtree(folder / "text_encoder")
    with pytest.raises(ModelProblem, match="text_encoder is missing"):
        CODES_FAMILY.recognise(folder, Card())
    edited(folder / "config.json", num_vq_embeddings="many")
    with pytest.raises(ModelProblem, match="num_vq_embeddings"):
        CODES_FAMILY.recognise(folder, Card())

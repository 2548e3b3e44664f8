"""An IP-Adapter in memory: its tokens, and models that it is not for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from backend.contracts.errors import BadInput, ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.ipadapter.adapter import check_fits, cross_layers, load_adapter
from backend.models.memory.devices import Target
from tests.tiny import tiny_checkpoint, tiny_sdxl_unet
from tests.tiny_control import house
from tests.tiny_ipadapter import TOKENS, tiny_ipadapter

CPU = Target(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_ipadapter(folder, root / "ipadapter" / "plain.safetensors")
    tiny_ipadapter(folder, root / "ipadapter" / "plus.safetensors", plus=True)
    return root


def test_the_catalog_lists_files_and_not_their_encoder(root: Path) -> None:
    found = Catalog([root], FAMILIES).models("ipadapter")
    assert [(info.name, info.problem) for info in found] == [("plain", None), ("plus", None)]
    encoder = root / "ipadapter" / "image_encoder" / "model.safetensors"
    assert found[0].bytes == found[0].path.stat().st_size + encoder.stat().st_size


@pytest.mark.parametrize("name", ["plain", "plus"])
def test_a_picture_is_a_few_tokens_and_their_opposite_knows_no_picture(
    root: Path, name: str
) -> None:
    adapter = load_adapter(Catalog([root], FAMILIES).find("ipadapter", name), CPU)
    negative, positive = adapter.tokens(house(80, 60))
    assert positive.shape == negative.shape == (1, TOKENS, 32)
    other_negative, other = adapter.tokens(255 - house(80, 60))
    assert torch.equal(negative, other_negative)
    assert not torch.allclose(positive, other)
    assert set(adapter.parts) == {"image_encoder", "image_projection", "image_attention"}


def test_layers_of_other_widths_or_numbers_are_refused(root: Path) -> None:
    adapter = load_adapter(Catalog([root], FAMILIES).find("ipadapter", "plain"), CPU)
    own = UNet2DConditionModel.from_pretrained(root / "checkpoints" / "tiny" / "unet")
    check_fits(adapter, own, "tiny")
    assert len(cross_layers(own)) == len(adapter.pairs.k)
    with pytest.raises(BadInput, match="'plain' was made for another kind of model than 'xl'"):
        check_fits(adapter, tiny_sdxl_unet(), "xl")


def test_a_damaged_file_names_itself(root: Path, tmp_path: Path) -> None:
    tensors = load_file(root / "ipadapter" / "plain.safetensors")
    tensors["ip_adapter.1.to_k_ip.weight"][0, 0] = float("nan")
    (tmp_path / "ipadapter").symlink_to(root / "ipadapter")
    path = root / "ipadapter" / "damaged.safetensors"
    save_file(tensors, path)
    try:
        info = Catalog([tmp_path], FAMILIES).find("ipadapter", "damaged")
        with pytest.raises(ModelProblem, match=r"damaged\.safetensors is damaged"):
            load_adapter(info, CPU)
    finally:
        path.unlink()

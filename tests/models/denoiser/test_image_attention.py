"""Layers beside an adapter's: off they are bit for bit what they were, on each row sees its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.denoiser.image_attention import ImageAttention, Told
from backend.models.ipadapter.adapter import ImageAdapter, load_adapter
from backend.models.memory.devices import Target
from backend.models.patches import Needs, PatchStack
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house
from tests.tiny_ipadapter import tiny_ipadapter


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[UNet2DConditionModel, ImageAdapter]:
    root: Path = tmp_path_factory.mktemp("models")
    folder = tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_ipadapter(folder, root / "ipadapter" / "plain.safetensors")
    info = Catalog([root], FAMILIES).find("ipadapter", "plain")
    adapter = load_adapter(info, Target(torch.device("cpu"), torch.float32))
    return UNet2DConditionModel.from_pretrained(folder / "unet").eval(), adapter


@torch.no_grad()
def called(unet: UNet2DConditionModel, x: torch.Tensor) -> torch.Tensor:
    context = torch.linspace(-1, 1, 77 * 32).reshape(1, 77, 32).expand(len(x), -1, -1)
    return unet(x, torch.full((len(x),), 400.0), context).sample


def test_it_acts_inside_alone_and_leaves_nothing(
    pair: tuple[UNet2DConditionModel, ImageAdapter],
) -> None:
    unet, adapter = pair
    before, patches = dict(unet.attn_processors), PatchStack()
    x = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    plain = called(unet, x)
    control = ImageAttention(unet, patches, adapter, "tiny")
    tokens = torch.cat(adapter.tokens(house()))
    with control.installed():
        assert patches.find(unet, ImageAttention) is control
        assert patches.needs(unet) == Needs(eager=True)
        assert torch.equal(called(unet, x), plain)
        with control.telling(Told(tokens, 0.0)):
            assert patches.needs(unet).whole_batch
            assert torch.equal(called(unet, x), plain)
        with control.telling(Told(tokens, 0.8)):
            seen = called(unet, x)
        # The first two rows are told the one, the others the other.
        for half, rows in enumerate((slice(0, 2), slice(2, 4))):
            with control.telling(Told(tokens[half : half + 1], 0.8)):
                alone = called(unet, x[rows])
            torch.testing.assert_close(seen[rows], alone, atol=1e-5, rtol=1e-5)
        assert (seen - plain).abs().max() > 0.01
    assert unet.attn_processors == before
    assert torch.equal(called(unet, x), plain)
    assert patches.find(unet, ImageAttention) is None

"""Cross-attention is under control while regions are told apart by it, and its own otherwise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from backend.contracts.capabilities import Capabilities
from backend.contracts.settings import Settings, Txt2ImgSettings, UpscaleSettings, parse
from backend.models.denoiser.region_attention import RegionAttention
from backend.models.patches import PatchStack
from backend.modes.changes.regions import telling_apart
from tests.tiny import tiny_unet

REGION = {"prompt": "a boat", "box": [0.0, 0.0, 0.5, 1.0]}


def model(**can: Any) -> Any:
    anatomy = SimpleNamespace(can=Capabilities(**can))
    network = SimpleNamespace(model=tiny_unet().eval())
    return SimpleNamespace(
        network=network, patches=PatchStack(), info=SimpleNamespace(anatomy=anatomy)
    )


@pytest.mark.parametrize(
    ("settings", "can"),
    [
        (Txt2ImgSettings(), {}),
        (UpscaleSettings(), {}),
        (parse("txt2img", {"regions": [REGION]}), {}),
        (parse("style_transfer", {"regions": [REGION]}), {}),
        (parse("txt2img", {"region_by": "attention"}), {}),
        (parse("txt2img", {"regions": [REGION], "region_by": "attention"}), {"attention": False}),
    ],
)
def test_where_it_is_not_asked_for_nothing_is_touched(
    settings: Settings, can: dict[str, Any]
) -> None:
    held = model(**can)
    before = dict(held.network.model.attn_processors)
    with telling_apart(held, settings):
        assert held.patches.find(held.network.model, RegionAttention) is None
        assert held.network.model.attn_processors == before


def test_with_regions_the_control_is_found_on_the_network_and_leaves_no_trace() -> None:
    held = model()
    unet = held.network.model
    before = dict(unet.attn_processors)
    with telling_apart(held, parse("txt2img", {"regions": [REGION], "region_by": "attention"})):
        assert held.patches.find(unet, RegionAttention) is not None
    assert held.patches.find(unet, RegionAttention) is None
    assert all(unet.attn_processors[name] is own for name, own in before.items())

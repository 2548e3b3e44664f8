"""The network's attention is under control while a reference acts, and its own otherwise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from backend.contracts.settings import Img2ImgSettings, Settings, Txt2ImgSettings, UpscaleSettings
from backend.models.denoiser.reference import ReferenceAttention
from backend.models.patches import PatchStack
from backend.modes.changes.reference import referring
from tests.tiny import tiny_unet


@pytest.fixture
def model() -> Any:
    return SimpleNamespace(network=SimpleNamespace(model=tiny_unet().eval()), patches=PatchStack())


@pytest.mark.parametrize("settings", [Txt2ImgSettings(), Img2ImgSettings(), UpscaleSettings()])
def test_without_a_reference_nothing_is_touched(model: Any, settings: Settings) -> None:
    before = dict(model.network.model.attn_processors)
    with referring(model, settings):
        assert model.patches.find(model.network.model, ReferenceAttention) is None
        assert model.network.model.attn_processors == before
        assert not model.patches.needs(model.network.model).eager


def test_with_one_the_control_is_found_on_the_network_and_leaves_no_trace(model: Any) -> None:
    unet = model.network.model
    before = dict(unet.attn_processors)
    with referring(model, Txt2ImgSettings(reference_weight=0.5)):
        control = model.patches.find(unet, ReferenceAttention)
        assert control is not None
        assert not control.acts
        assert model.patches.needs(unet).eager
    assert model.patches.find(unet, ReferenceAttention) is None
    assert all(unet.attn_processors[name] is own for name, own in before.items())

"""A model that was distilled is told the scale of the settings; others hear nothing of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from torch import nn

from backend.contracts.settings import Txt2ImgSettings
from backend.models.denoiser.transformer import FlowTransformer
from backend.modes.changes import CHANGES
from backend.modes.changes.distilled_guidance import distilled_guidance


def test_the_scale_holds_while_the_run_lasts() -> None:
    network = FlowTransformer(nn.Linear(1, 1), lambda model, asked: asked.x, 4, (), guidance=3.5)
    model: Any = SimpleNamespace(network=network)
    with distilled_guidance(model, Txt2ImgSettings(distilled_guidance=7.0)):
        assert network._guidance == 7.0
    assert network._guidance == 3.5
    assert distilled_guidance in CHANGES


def test_another_network_is_left_as_it_is() -> None:
    model: Any = SimpleNamespace(network=object())
    with distilled_guidance(model, Txt2ImgSettings()):
        pass

"""The scale of the settings reaches a network that has one, while it is leased."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from backend.contracts.settings import Img2ImgSettings, Txt2ImgSettings
from backend.models.denoiser.editing import EditingNetwork
from backend.models.patches import PatchStack
from backend.modes.changes.image_guidance import image_guidance


class Noting(EditingNetwork):
    def __init__(self) -> None:
        super().__init__(SimpleNamespace(), 1.0, PatchStack())  # type: ignore[arg-type]
        self.told: list[float] = []

    def image_guided(self, scale: float) -> Any:
        self.told.append(scale)
        return nullcontext()


def test_img2img_tells_it_its_scale() -> None:
    model: Any = SimpleNamespace(network=Noting())
    with image_guidance(model, Img2ImgSettings(image_guidance=2.5)):
        assert model.network.told == [2.5]
    with image_guidance(model, Txt2ImgSettings()):
        assert model.network.told == [2.5]


def test_other_networks_have_none() -> None:
    model: Any = SimpleNamespace(network=SimpleNamespace())
    with image_guidance(model, Img2ImgSettings(image_guidance=2.5)):
        assert vars(model.network) == {}

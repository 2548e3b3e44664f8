"""How close a model that edits stays to the picture that it is shown."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from backend.contracts.settings import Img2ImgSettings, Settings
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.editing import EditingNetwork


@contextmanager
def image_guidance(model: Checkpoint, settings: Settings) -> Generator[None]:
    """The network under the scale of the settings, where it has one."""
    network = model.network
    if not isinstance(network, EditingNetwork) or not isinstance(settings, Img2ImgSettings):
        yield
        return
    with network.image_guided(settings.image_guidance):
        yield


CHANGE = image_guidance

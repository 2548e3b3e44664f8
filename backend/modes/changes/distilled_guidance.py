"""The guidance scale that a distilled model is told."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from backend.contracts.settings import Settings
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.transformer import FlowTransformer


@contextmanager
def distilled_guidance(model: Checkpoint, settings: Settings) -> Generator[None]:
    """The network under the scale of the settings, where it is told one."""
    network = model.network
    if not isinstance(network, FlowTransformer):
        yield
        return
    with network.told(settings.distilled_guidance):
        yield


CHANGE = distilled_guidance

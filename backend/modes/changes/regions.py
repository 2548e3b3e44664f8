"""Cross-attention that can tell regions apart; it does where `modes.region_attention` calls."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from backend.contracts.settings import Settings
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.region_attention import RegionAttention
from backend.modes.region_attention import by_attention


@contextmanager
def telling_apart(model: Checkpoint, settings: Settings) -> Generator[None]:
    """The network's cross-attention under control, where regions are told apart by it."""
    if not by_attention(settings, model.info.anatomy.can):
        yield
        return
    with RegionAttention(model.network.model, model.patches).installed():
        yield


CHANGE = telling_apart

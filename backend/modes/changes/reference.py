"""Self-attention that can look at a reference; it does where `modes.reference` calls for it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from backend.contracts.settings import Settings
from backend.contracts.settings.reference import ReferenceFields
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.reference import ReferenceAttention


@contextmanager
def referring(model: Checkpoint, settings: Settings) -> Generator[None]:
    """The network's attention under control, where the settings have a reference act."""
    if not isinstance(settings, ReferenceFields) or not settings.refers:
        yield
        return
    if settings.reference_adapter:  # which has layers of its own
        yield
        return
    control = ReferenceAttention(
        model.network.model,
        model.patches,
        settings.reference_weight,
        replaces=settings.reference_mode == "replace",
    )
    with control.installed():
        yield


CHANGE = referring

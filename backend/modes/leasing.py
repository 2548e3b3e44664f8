"""The model of a run: its checkpoint, with the autoencoder and the changes that settings name."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.settings import Settings
from backend.models.autoencoder import vae_file
from backend.models.autoencoder.vae import Vae
from backend.models.autoencoder.vae_file import SeparateVae
from backend.models.checkpoint import Checkpoint
from backend.models.manager import ModelManager
from backend.modes.changes import changed


@contextmanager
def leased(models: ModelManager[Any], settings: Settings) -> Generator[Checkpoint]:
    """Checkpoint and autoencoder from the cache, kept and changed while the context lasts.

    A separate autoencoder is loaded in the precision of the checkpoint's own.

    Raises:
        BadInput: The autoencoder does not belong to this kind of checkpoint.
    """
    with models.lease(settings.model) as model:
        if not settings.vae:
            with changed(model, settings):
                yield model
            return
        own = model.codec
        if not isinstance(own, Vae):
            raise BadInput(f"'{model.name}' has no autoencoder that another could replace.", "vae")
        key = vae_file.cache_key(settings.vae, own.model.dtype)
        with models.lease(key) as separate:
            assert isinstance(separate, SeparateVae)
            vae = separate.instead_of(own, model.name)
            model = replace(model, codec=vae, vae_hash=separate.hash)
            with changed(model, settings):
                yield model


def at_hand(models: ModelManager[Any], settings: Settings) -> bool:
    """Whether `leased` would give the model at once: nothing is read from disk or copied."""
    if not models.holds(settings.model):
        return False
    if not settings.vae:
        return True
    with models.lease(settings.model) as model:
        own = model.codec
        return not isinstance(own, Vae) or models.holds(
            vae_file.cache_key(settings.vae, own.model.dtype)
        )

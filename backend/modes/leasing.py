"""What a job needs of the cache, by name; the driver leases it.

Each kind of need is a `Lease` of `backend.modes.run`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.settings import Settings
from backend.contracts.settings.reference import ReferenceFields
from backend.models.autoencoder import vae_file
from backend.models.autoencoder.vae import Vae
from backend.models.autoencoder.vae_file import SeparateVae
from backend.models.checkpoint import Checkpoint
from backend.models.control import controlnet
from backend.models.control.controlnet import ControlNet
from backend.models.interludes import Interludes
from backend.models.ipadapter import adapter as adapters
from backend.models.ipadapter.adapter import ImageAdapter
from backend.models.manager import ModelManager
from backend.models.upscaler.upscaler import KEY, Upscaler
from backend.modes.adapting import adapting
from backend.modes.changes import Change, changed


@dataclass(frozen=True, eq=False)
class Held:
    """What a job holds while it draws.

    Attributes:
        model: The checkpoint, with the autoencoder that was asked for.
        controlnets: In the order of their names in `Needs`.
    """

    model: Checkpoint
    controlnets: tuple[ControlNet, ...] = ()


@dataclass(frozen=True)
class Needs:
    """What a run of a diffusion model needs.

    Attributes:
        name: Of the checkpoint.
        vae: Of a separate autoencoder; "" keeps the checkpoint's own. It is loaded in the
            precision of that one.
        controlnets: Names.
        changes: Settings that change the model meanwhile, see `backend.modes.changes`.
    """

    name: str
    vae: str = ""
    controlnets: tuple[str, ...] = ()
    changes: Settings | None = None

    @classmethod
    def of(cls, settings: Settings, *controlnets: str) -> Needs:
        """Those of settings."""
        return cls(settings.model, settings.vae, controlnets, settings)

    @property
    def adapter(self) -> str:
        """Name of the IP-Adapter that the changes are made with; "" for none."""
        asked = self.changes
        if not isinstance(asked, ReferenceFields) or not asked.refers:
            return ""
        return asked.reference_adapter

    @contextmanager
    def taken(
        self, models: ModelManager[Any], interludes: Interludes | None = None
    ) -> Generator[Held]:
        """From the cache, kept and changed while the context lasts.

        Args:
            models: The cache.
            interludes: Of the job, in which the model is plain.

        Raises:
            BadInput: The autoencoder does not belong to this kind of checkpoint.
        """
        with ExitStack() as leases:
            model: Checkpoint = leases.enter_context(models.lease(self.name))
            if self.vae:
                key = vae_file.cache_key(self.vae, _own_vae(model).model.dtype)
                separate = leases.enter_context(models.lease(key))
                model = _with(model, separate)
            if self.changes is not None:
                further: list[Change] = []
                if self.adapter:
                    adapter = leases.enter_context(models.lease(adapters.KEY + self.adapter))
                    if not isinstance(adapter, ImageAdapter):
                        raise TypeError(f"{self.adapter} is not an IP-Adapter")
                    further.append(partial(adapting, adapter))
                leases.enter_context(changed(model, self.changes, interludes, further))
            nets = [leases.enter_context(controlnet.lease(models, n)) for n in self.controlnets]
            yield Held(model, tuple(nets))

    def at_hand(self, models: ModelManager[Any]) -> bool:
        """Whether checkpoint and autoencoder are there: nothing is read from disk or copied."""
        if not models.holds(self.name):
            return False
        if not self.vae:
            return True
        with models.lease(self.name) as model:
            own = model.codec
            return not isinstance(own, Vae) or models.holds(
                vae_file.cache_key(self.vae, own.model.dtype)
            )


@dataclass(frozen=True)
class UpscalerNeeded:
    """A one-pass upscaler.

    Attributes:
        name: Of it.
    """

    name: str

    @contextmanager
    def taken(
        self, models: ModelManager[Any], interludes: Interludes | None = None
    ) -> Generator[Upscaler]:
        """From the cache, kept while the context lasts."""
        with models.lease(KEY + self.name) as found:
            if not isinstance(found, Upscaler):
                raise TypeError(f"{KEY + self.name} is not an upscaler")
            yield found


def _own_vae(model: Checkpoint) -> Vae:
    own = model.codec
    if not isinstance(own, Vae):
        raise BadInput(f"'{model.name}' has no autoencoder that another could replace.", "vae")
    return own


def _with(model: Checkpoint, separate: object) -> Checkpoint:
    if not isinstance(separate, SeparateVae):
        raise TypeError("what was leased is no separate autoencoder")
    vae = separate.instead_of(_own_vae(model), model.name)
    return replace(model, codec=vae, vae_hash=separate.hash)

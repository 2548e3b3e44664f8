"""A picture drawn like another by an IP-Adapter: its tokens beside those of the prompt."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import torch

from backend.contracts.settings import Settings
from backend.contracts.settings.reference import REFERENCE, ReferenceFields
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.image_attention import ImageAttention, Told
from backend.models.ipadapter.adapter import ImageAdapter
from backend.models.text.clip import Conditioning
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.sampling.guidance import sigma_range
from backend.sampling.types import Denoiser, Level

if TYPE_CHECKING:
    from backend.modes.guide import BaseDenoiser, Check


@contextmanager
def adapting(adapter: ImageAdapter, model: Checkpoint, settings: Settings) -> Generator[None]:
    """The network with the adapter's layers on; they act where `adapted` calls for it."""
    control = ImageAttention(model.network.model, model.patches, adapter, settings.model)
    with control.installed():
        yield


def control_of(model: Checkpoint) -> ImageAttention:
    """What `adapting` has put on a model."""
    control = model.patches.find(model.network.model, ImageAttention)
    assert control is not None, "an adapter is in force while the model is leased with one"
    return control


class Adapted:
    """A base denoiser that is told of the reference.

    A call's first rows are told of no picture, as they are what guidance leads away from.

    Args:
        stage: Whose settings, model and pictures.
        span: What parts of the run are counted over.
        base: The network with what else a mode puts under it.
    """

    def __init__(self, stage: Stage[Settings], span: Span, base: BaseDenoiser) -> None:
        settings = stage.settings
        assert isinstance(settings, ReferenceFields)
        self._model, self._base = stage.model, base
        self._weight = settings.reference_weight
        self._negative, self._positive = control_of(stage.model).adapter.tokens(
            stage.context.pictures[REFERENCE]
        )
        self._levels = sigma_range(
            span.schedule, settings.reference_start, settings.reference_end, span.first
        )

    def __call__(self, conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
        return self._beside(1, conditioning, check)

    def among(self, grounds: int) -> BaseDenoiser:
        """The same where calls begin with so many negatives: regions' LoRAs have one each."""
        return partial(self._beside, grounds)

    def _beside(self, grounds: int, conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
        looking = self._base(conditioning, _unchecked)
        free = self._base(conditioning, check)
        # [negative, ..., positive, ...], or a positive one alone.
        against = 0 if len(conditioning) == 1 else grounds
        told = [self._negative] * against + [self._positive] * (len(conditioning) - against)
        tokens = torch.cat(told)

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            if not self._levels.holds(level):
                return free(x, level)
            check()  # before: another job may run here, in which the adapter is off
            with control_of(self._model).telling(Told(tokens, self._weight)):
                return looking(x, level)

        return denoise


def _unchecked() -> None:
    """Whoever calls has checked."""

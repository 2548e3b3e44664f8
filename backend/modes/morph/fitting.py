"""What fine learns of each end: a LoRA that knows nothing but that picture."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

from backend.contracts.events import Progress
from backend.contracts.fields import affecting
from backend.contracts.settings import MorphSettings
from backend.models.lora.file import LayerShape, LoraFile, LoraInfo
from backend.models.memory.block_offload import kept
from backend.modes.context import Context
from backend.modes.end_cache import content_key
from backend.modes.morph.cost import Ledger
from backend.modes.morph.ends import End
from backend.modes.pausable import StepsAside
from backend.modes.run import during
from backend.modes.stage import Stage
from backend.training.lora import Example
from backend.training.rows import Deltas, RowAdapters, fit_rows

SEED = 0  # the same for every fit, whatever the morph's own: a picture is learned once


def learned(
    stage: Stage[MorphSettings], ends: tuple[End, End], ledger: Ledger, weights_key: str
) -> tuple[LoraFile, LoraFile]:
    """The LoRA of each end (DiffMorpher, CVPR 2024, sec. 3.1), those at hand taken as they are.

    What is missing is fitted in one batch, a row for each end. A fit is known by the end's
    latents, prompt, model and recipe, so it serves every later morph of that picture.

    Args:
        weights_key: Names the LoRAs that are in the model while it learns.
    """
    settings, model, context = stage.settings, stage.model, stage.context
    keys = [
        content_key(
            "lora",
            *end.shown,
            model.info.path,
            model.hash,
            model.target.dtype_name,
            affecting(settings, "text", "network", "fit"),
            weights_key,
        )
        for end in ends
    ]
    missing = {
        key: end
        for key, end in zip(keys, ends, strict=True)
        if context.ends.get(key, LoraFile) is None
    }
    if missing:
        fitted = _fitted(stage, list(missing.values()), ledger)
        for key, deltas in zip(missing, fitted, strict=True):
            context.ends.put(key, _file(key, deltas))
    first, last = (context.ends.get(key, LoraFile) for key in keys)
    assert first is not None
    assert last is not None
    return first, last


def _fitted(stage: Stage[MorphSettings], ends: list[End], ledger: Ledger) -> tuple[Deltas, ...]:
    settings, model, context = stage.settings, stage.model, stage.context
    examples = [
        Example(end.latents.cpu(), end.text, end.prompt) for end in ends if end.latents is not None
    ]
    unet = model.network.model
    trained = [p for p in unet.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        with kept(model.patches, unet):
            adapters = RowAdapters(unet, len(examples), settings.lora_rank, SEED, model.patches)

            def fit() -> tuple[Deltas, ...]:
                run = fit_rows(
                    model,
                    examples,
                    adapters,
                    steps=settings.lora_steps,
                    seed=SEED,
                    learning_rate=settings.lora_lr,
                    check=context.check,
                )
                while True:
                    try:
                        step = next(run)
                    except StopIteration as end:
                        return end.value
                    ledger.count(len(examples))
                    context.report(Progress("fitting", step.step, step.total))

            return during((_Adapters(context, adapters),), fit)
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


class _Adapters(StepsAside):
    """Adapters that step aside while another job runs in the middle of the fit."""

    def __init__(self, context: Context, adapters: RowAdapters) -> None:
        super().__init__(context)
        self._adapters = adapters
        self._stack = ExitStack()

    def enter(self) -> None:
        self._stack.enter_context(self._adapters.installed())

    def leave(self) -> None:
        self._stack.close()


def _file(key: str, deltas: Deltas) -> LoraFile:
    """The fit as the mixer takes it; it never was a file."""
    layers = {
        path: LayerShape(tuple(delta.A.shape), tuple(delta.B.shape))
        for path, delta in deltas.items()
    }
    info = LoraInfo(f"end {key[:8]}", Path(), layers=MappingProxyType(layers))
    return LoraFile(info, key, key, MappingProxyType(deltas))

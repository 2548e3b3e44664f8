"""LoRAs of a run: in the weights while it lasts, switched between steps, out again at its end.

A mode says which; the driver puts them in and out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch

from backend.contracts.errors import ModelProblem
from backend.contracts.settings import LoraUse, Settings
from backend.models.checkpoint import Checkpoint
from backend.models.lora.blocks import scaled
from backend.models.lora.file import LoraFile
from backend.models.lora.mix import NETWORKS, LoraMixer, text_key, weights_at
from backend.modes.context import Context
from backend.modes.pausable import LorasAside
from backend.modes.stage import Stage


class RunMix(LorasAside):
    """The mix of one run; without LoRAs it does nothing.

    The text encoder takes every LoRA at its weight, whatever part of the run it acts in: the
    prompt is encoded once.

    Args:
        model: Leased, and this job's alone until the mix is left.
        files: One for each of `uses`.
        uses: The rows of the settings.
        steps: Steps of the run, which `start` and `end` are fractions of.
        context: The surroundings of the job.
        own: How many of the rows act in all of the picture; the others are regions'. None is all.
    """

    def __init__(
        self,
        model: Checkpoint,
        files: tuple[LoraFile, ...],
        uses: tuple[LoraUse, ...],
        steps: int,
        context: Context,
        own: int | None = None,
    ) -> None:
        super().__init__(context)
        self._mixer = LoraMixer(model.lora_parts, model.patches)
        self._files, self._uses, self._steps = files, uses, steps
        self._own = len(uses) if own is None else own
        self._acting = self._whole  # of each row now, wherever it acts
        self._weights = self._only(self._whole, self.everywhere)
        self._kinds: tuple[tuple[int, ...], ...] = ()
        self._rows: object = None  # what the rows of a call have now, where they differ

    @property
    def _whole(self) -> tuple[float, ...]:
        return tuple(use.weight for use in self._uses)

    def begin(self) -> None:
        """With every LoRA at its weight, as the text encoder takes them."""
        self._acting, self._kinds = self._whole, ()
        self._weights = self._only(self._whole, self.everywhere)

    @property
    def everywhere(self) -> tuple[int, ...]:
        """The rows that act in all of the picture, by place."""
        return tuple(range(self._own))

    def in_region(self, uses: Sequence[LoraUse]) -> tuple[int, ...]:
        """The same, and those that act in a region besides."""
        found = {use: place for place, use in enumerate(self._uses) if place >= self._own}
        return (*self.everywhere, *(found[use] for use in uses))

    @property
    def text_key(self) -> str:
        """Key of what acts everywhere, for the cache of text embeddings."""
        return self.key_of(self.everywhere)

    def reweigh(self, uses: tuple[LoraUse, ...]) -> None:
        """The same rows at other weights from here on; all act whole until the next step.

        Between model calls only.
        """
        self._uses = uses
        self.whole(self.everywhere)

    def key_of(self, chosen: Collection[int]) -> str:
        """The same with only the rows `chosen`, by place."""
        uses = list(zip(self._files, self._uses, strict=True))
        return text_key([(file, use.weight) for file, use in (uses[i] for i in chosen)])

    @property
    def hashes(self) -> dict[str, str]:
        """Name -> SHA-256 of the tensors, as A1111 notes it."""
        return {file.name: file.data_hash for file in self._files}

    def at(self, step: int, chosen: Collection[int] | None = None) -> None:
        """Brings the weights to what step `step` runs with; between model calls only.

        Args:
            step: 0-based; past the last one nothing changes.
            chosen: Rows that act at all, by place; None is all that act everywhere.
        """
        if step >= self._steps:
            return
        self._acting = weights_at(self._uses, step, self._steps)
        if self._kinds and chosen is None:
            self._show()
        else:
            self._use(self._acting, self.everywhere if chosen is None else chosen)

    def whole(self, chosen: Collection[int]) -> None:
        """The rows `chosen` at their weights, whatever part of the run they act in."""
        self._kinds = ()
        self._use(self._whole, chosen)

    def reading(self, chosen: Collection[int]) -> str:
        """Brings what reads prompts under the rows `chosen`.

        Returns:
            `key_of` them.
        """
        if any(file.info.parts - NETWORKS for file in self._files):
            self.whole(chosen)
        return self.key_of(chosen)

    def spread(self, kinds: tuple[tuple[int, ...], ...]) -> None:
        """LoRAs of its own for each conditioning of the model calls to come; between two calls.

        Args:
            kinds: The rows that act for each, by place.
        """
        if self._files and kinds != self._kinds:
            self._kinds = kinds
            self._show()

    def _show(self) -> None:
        """Brings the model to what each conditioning has now."""
        if len(set(self._kinds)) == 1:
            self._use(self._acting, self._kinds[0])
            return
        rows = [self._only(self._acting, kind) for kind in self._kinds]
        if self._active is not None and rows != self._rows:
            self._active.per_conditioning(torch.tensor(rows))
            self._rows = rows

    @staticmethod
    def _only(weights: tuple[float, ...], chosen: Collection[int]) -> tuple[float, ...]:
        return tuple(w if i in chosen else 0.0 for i, w in enumerate(weights))

    def _use(self, weights: tuple[float, ...], chosen: Collection[int]) -> None:
        weights = self._only(weights, chosen)
        if self._active is not None and (weights != self._weights or self._rows is not None):
            self._weights, self._rows = weights, None
            self._active.remix(list(zip(self._files, weights, strict=True)))

    def enter(self) -> None:
        """Puts the mix into the weights."""
        if self._files:
            self._rows = None
            self.apply(self._mixer, list(zip(self._files, self._weights, strict=True)))
            if self._kinds:
                self._show()


def lora_files(
    uses: Sequence[LoraUse], model: Checkpoint, context: Context
) -> tuple[LoraFile, ...]:
    """The files of some rows, under the factors of their blocks.

    Raises:
        ModelProblem: One is missing, or was made for another version of the model.
        BadInput: The factors are for other blocks than the model has.
    """
    files = tuple(context.loras.read(use.name) for use in uses)
    for file in files:
        version = model.card.misfit(file.info.metadata.base_version)
        if version is not None:
            raise ModelProblem(f"The LoRA '{file.name}' does not fit '{model.name}'. {version}")
    return tuple(
        scaled(file, use.blocks, model.lora_parts) for file, use in zip(files, uses, strict=True)
    )


def mix_of(stage: Stage[Settings]) -> RunMix:
    """The LoRAs of a stage, not in force yet.

    Raises:
        ModelProblem: One is missing, or was made for another version of the model.
    """
    settings, model, context = stage.settings, stage.model, stage.context
    uses, own = settings.lora_uses, len(settings.acting_loras)
    files = lora_files(uses, model, context)
    return RunMix(model, files, uses, settings.steps, context, own)

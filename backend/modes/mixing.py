"""LoRAs of a run: in the weights while it lasts, switched between steps, out again at its end.

A mode says which; the driver puts them in and out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from backend.contracts.errors import ModelProblem
from backend.contracts.settings import LoraUse, Settings
from backend.models.checkpoint import Checkpoint
from backend.models.lora.file import LoraFile
from backend.models.lora.mix import LoraMixer, text_key, weights_at
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
    """

    def __init__(
        self,
        model: Checkpoint,
        files: tuple[LoraFile, ...],
        uses: tuple[LoraUse, ...],
        steps: int,
        context: Context,
    ) -> None:
        super().__init__(context)
        self._mixer = LoraMixer(model.lora_parts, model.patches)
        self._files, self._uses, self._steps = files, uses, steps
        self._weights = self._whole

    @property
    def _whole(self) -> tuple[float, ...]:
        return tuple(use.weight for use in self._uses)

    def begin(self) -> None:
        """With every LoRA at its weight, as the text encoder takes them."""
        self._weights = self._whole

    @property
    def text_key(self) -> str:
        """Key of the mix for the cache of text embeddings."""
        return self.key_of(range(len(self._uses)))

    def reweigh(self, uses: tuple[LoraUse, ...]) -> None:
        """The same rows at other weights from here on; all act whole until the next step.

        Between model calls only.
        """
        self._uses = uses
        self.whole(range(len(uses)))

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
            chosen: Rows that act at all, by place; None is all of them.
        """
        if step < self._steps:
            self._use(weights_at(self._uses, step, self._steps), chosen)

    def whole(self, chosen: Collection[int]) -> None:
        """The rows `chosen` at their weights, whatever part of the run they act in."""
        self._use(self._whole, chosen)

    def _use(self, weights: tuple[float, ...], chosen: Collection[int] | None) -> None:
        if chosen is not None:
            weights = tuple(w if i in chosen else 0.0 for i, w in enumerate(weights))
        if self._active is not None and weights != self._weights:
            self._weights = weights
            self._active.remix(list(zip(self._files, weights, strict=True)))

    def enter(self) -> None:
        """Puts the mix into the weights."""
        if self._files:
            self.apply(self._mixer, list(zip(self._files, self._weights, strict=True)))


def lora_files(
    uses: Sequence[LoraUse], model: Checkpoint, context: Context
) -> tuple[LoraFile, ...]:
    """The files of some rows.

    Raises:
        ModelProblem: One is missing, or was made for another version of the model.
    """
    files = tuple(context.loras.read(use.name) for use in uses)
    for file in files:
        version = model.card.misfit(file.info.metadata.base_version)
        if version is not None:
            raise ModelProblem(f"The LoRA '{file.name}' does not fit '{model.name}'. {version}")
    return files


def mix_of(stage: Stage[Settings]) -> RunMix:
    """The LoRAs of a stage, not in force yet.

    Raises:
        ModelProblem: One is missing, or was made for another version of the model.
    """
    settings, model, context = stage.settings, stage.model, stage.context
    files = lora_files(settings.acting_loras, model, context)
    return RunMix(model, files, settings.acting_loras, settings.steps, context)

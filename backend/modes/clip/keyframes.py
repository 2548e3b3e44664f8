"""What of a run's settings moves along the clip: each frame's own weights and scales."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from backend.contracts.keyframes import Track, tracks_of
from backend.contracts.settings import ClipSettings, LoraUse
from backend.models.checkpoint import Checkpoint
from backend.models.lora.file import LoraFile
from backend.modes.context import Context
from backend.modes.mixing import RunMix, lora_files
from backend.modes.stage import Stage


@dataclass(frozen=True)
class Keyframes:
    """The sliders that move.

    Attributes:
        tracks: By name.
        count: Frames of the clip.
    """

    tracks: dict[str, Track]
    count: int

    @classmethod
    def of(cls, settings: ClipSettings) -> Keyframes:
        """Those that the settings write down."""
        found = {track.name: track for track in tracks_of(settings.keyframes)}
        return cls(found, settings.frames)

    def values(self, name: str, frames: Sequence[int]) -> list[float] | None:
        """A slider's value at each of some frames; None where it stands still.

        Args:
            name: Of the slider.
            frames: Their numbers; below 0 for a picture that is none, which has the first one's.
        """
        track = self.tracks.get(name)
        if track is None:
            return None
        last = max(1, self.count - 1)
        return [track.at(max(0, frame) / last) for frame in frames]

    def rows(
        self, name: str, frames: Sequence[int], stage: Stage[ClipSettings]
    ) -> torch.Tensor | None:
        """The same as (n, 1, 1, 1), where a stage's model computes."""
        values = self.values(name, frames)
        if values is None:
            return None
        made = torch.tensor(values, dtype=torch.float32).to(stage.model.target.device)
        return made[:, None, None, None]


class FrameMix(RunMix):
    """The LoRAs of a clip, some of which weigh otherwise in each frame.

    Args:
        model: Leased, and this job's alone until the mix is left.
        files: One for each of `uses`.
        uses: The rows of the settings.
        steps: Steps of the run, which `start` and `end` are fractions of.
        context: The surroundings of the job.
        keys: What moves.
    """

    def __init__(
        self,
        model: Checkpoint,
        files: tuple[LoraFile, ...],
        uses: tuple[LoraUse, ...],
        steps: int,
        context: Context,
        keys: Keyframes,
    ) -> None:
        super().__init__(model, files, uses, steps, context)
        self._keys = keys
        self._moves = any(use.name in keys.tracks for use in uses)
        self._now: tuple[int, ...] = ()
        self._step: int | None = None  # None before the first: all act

    def begin(self) -> None:
        super().begin()
        self._step = None

    def at(self, step: int, chosen: Collection[int] | None = None) -> None:
        if step < self._steps:
            self._step = step
        super().at(step, chosen)

    def over(self, frames: Sequence[int]) -> None:
        """The coming model calls hold these frames, one a row.

        A LoRA that acts in this step weighs what its keyframes say; the others stay.
        """
        self._now = tuple(frames)
        if self._active is None or not self._moves:
            return
        columns: list[list[float]] = []
        for use, weight in zip(self._uses, self._weights, strict=True):
            own = self._keys.values(use.name, frames) if self._acts(use) else None
            columns.append([weight] * len(frames) if own is None else own)
        self._active.per_sample(torch.tensor(columns).T.contiguous())

    def _acts(self, use: LoraUse) -> bool:
        """Whether a row acts in this step, at whatever weight."""
        return self._step is None or use.start <= self._step / self._steps < use.end

    def enter(self) -> None:
        """As any; after a job in the middle of a step, its frames have their weights again."""
        super().enter()
        if self._now:
            self.over(self._now)

    @contextmanager
    def encoding(self) -> Generator[None]:
        """Prompts are read inside: the text encoder takes every LoRA at its row's weight."""
        if self._active is None:
            yield
            return
        before = self._weights
        self._set(self._whole)
        try:
            yield
        finally:
            self._set(before)

    def _set(self, weights: tuple[float, ...]) -> None:
        if self._active is not None:
            self._weights = weights
            self._active.remix(list(zip(self._files, weights, strict=True)))


def frame_mix_of(stage: Stage[ClipSettings], keys: Keyframes) -> FrameMix:
    """The LoRAs of a stage, not in force yet; raises as `mix_of`."""
    settings, model, context = stage.settings, stage.model, stage.context
    files = lora_files(settings.acting_loras, model, context)
    return FrameMix(model, files, settings.acting_loras, settings.steps, context, keys)

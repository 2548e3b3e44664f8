"""The model over all frames of a clip: in one call, or in chunks of neighbours that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import torch

from backend.contracts.settings import ClipSettings
from backend.models.denoiser.cross_frame import PICTURE, CrossFrameAttention, Rows
from backend.models.memory.memory_pressure import Way, halvings, overcome
from backend.models.text.clip import Conditioning
from backend.modes.clip.edges import Edges
from backend.modes.clip.keyframes import FrameMix, Keyframes
from backend.modes.clip.saying import denoiser_of
from backend.modes.controls import controlled
from backend.modes.guide import BaseDenoiser, Check
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.sampling.types import Denoiser, Level

MOST_TOGETHER = 32
TOO_MUCH = "One frame of this size is too much for the memory that is free."


@dataclass(frozen=True, eq=False)
class Key:
    """A picture that is no frame, which the frames look at as the first.

    Attributes:
        known: (1, C, h, w), its latents.
        noise: Likewise, unit variance.
    """

    known: torch.Tensor
    noise: torch.Tensor

    def at(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        """It, noised to the level of x: (1, C, h, w)."""
        one = level.rows(torch.arange(1, device=x.device))
        return one.alpha_for(x) * self.known + one.sigma_for(x) * self.noise


@dataclass(eq=False)
class Frames:
    """Makes the denoiser of all frames together.

    Attributes:
        stage: Of the run.
        count: F, frames of the clip.
        mix: The LoRAs of the run.
        keys: What moves along the clip.
        attention: Installed; None leaves each frame to itself.
        edges: None runs without a ControlNet.
        chunk: Frames of one call; halved where the memory does not do.
        key: None where a frame of the clip is looked at as the first.
    """

    stage: Stage[ClipSettings]
    count: int
    mix: FrameMix
    keys: Keyframes
    attention: CrossFrameAttention | None
    edges: Edges | None
    chunk: int = MOST_TOGETHER
    key: Key | None = None
    _built: dict[tuple[int, ...], Denoiser] = field(
        default_factory=dict[tuple[int, ...], Denoiser], init=False
    )

    def denoiser(self, span: Span) -> Denoiser:
        """x: (F, C, h, w). All frames take a step before any takes the next one."""

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            return overcome(self._ways(partial(self._in_chunks, x, level, span)), TOO_MUCH)

        return denoise

    def _ways(self, work: Callable[[], torch.Tensor]) -> Iterator[Way[torch.Tensor]]:
        """All frames in chunks of the size that did so far, then of smaller ones."""
        first = min(self.chunk, self.count)
        for size in halvings(first):
            told = ""
            if size < first:
                self.chunk = size
                told = f"The memory holds {size} frames at once; they were drawn in parts."
            yield Way(work, told)

    def _in_chunks(self, x: torch.Tensor, level: Level, span: Span) -> torch.Tensor:
        if self.key is not None:
            self._call((PICTURE,), self.key.at(x, level), level, span, begins=True, goes_on=True)
        order = self._order
        made: list[torch.Tensor] = []
        for start in range(0, self.count, self.chunk):
            end = min(self.count, start + self.chunk)
            here = order[start:end]
            begins, goes_on = start == 0 and self.key is None, end < self.count
            rows = rows_of(x, here)
            made.append(self._call(here, rows, level, span, begins=begins, goes_on=goes_on))
        back = [order.index(frame) for frame in range(self.count)]
        return rows_of(torch.cat(made), back)

    def _call(
        self,
        frames: tuple[int, ...],
        x: torch.Tensor,
        level: Level,
        span: Span,
        *,
        begins: bool,
        goes_on: bool,
    ) -> torch.Tensor:
        """One call of the model: x (n, C, h, w) of some frames; all stand at one level."""
        if frames not in self._built:
            with self.mix.encoding():
                self._built[frames] = denoiser_of(
                    self.stage,
                    span,
                    self.mix.text_key,
                    frames,
                    self.count,
                    self._base(frames),
                    self.keys,
                )
        self.mix.over(frames)
        own = level.rows(torch.arange(len(frames), device=x.device))
        with self._looking(Rows(frames, begins, goes_on)):
            return self._built[frames](x, own).float()

    @property
    def _order(self) -> tuple[int, ...]:
        """The frames as they are called: the key goes first, where others look at it."""
        everything = tuple(range(self.count))
        key = self.stage.settings.key_frame
        if self.attention is None or not self.attention.look.keyed or self.key is not None:
            return everything
        return (key, *(frame for frame in everything if frame != key))

    def _looking(self, rows: Rows) -> AbstractContextManager[None]:
        return nullcontext() if self.attention is None else self.attention.over(rows)

    def _base(self, frames: tuple[int, ...]) -> BaseDenoiser | None:
        """The network with the ControlNet over some frames; None for the plain one."""
        if self.edges is None or frames == (PICTURE,):
            return None
        rows = self.keys.rows("control_scale", frames, self.stage)
        scale = self.stage.settings.control_scale if rows is None else 1.0
        control = self.edges.control(frames, scale, rows)

        def base(conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
            return controlled(self.stage.model.network, [control])(conditioning, check)

        return base


def rows_of(x: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """Some rows of x in that order; taken as slices, so that nobody waits for an index."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    parts = [x[begin:end] for begin, end in runs]
    return parts[0] if len(parts) == 1 else torch.cat(parts)

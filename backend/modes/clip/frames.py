"""The model over all frames of a clip: in one call, or in chunks of neighbours that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import torch

from backend.contracts.settings import ClipSettings
from backend.models.control.controlnet import ControlNet
from backend.models.denoiser.cross_frame import CrossFrameAttention, Rows
from backend.models.memory.memory_pressure import Way, halvings, overcome
from backend.models.text.clip import Conditioning
from backend.modes.controls import Control, controlled
from backend.modes.guide import BaseDenoiser, Check, make_denoiser
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.sampling.guidance import SigmaRange
from backend.sampling.types import Denoiser, Level

MOST_TOGETHER = 32
TOO_MUCH = "One frame of this size is too much for the memory that is free."


@dataclass(frozen=True, eq=False)
class Edges:
    """A ControlNet and what it is shown of each frame.

    Attributes:
        net: Leased for the run.
        hints: (F, 3, H, W).
    """

    net: ControlNet
    hints: torch.Tensor


@dataclass(eq=False)
class Frames:
    """Makes the denoiser of all frames together.

    Attributes:
        stage: Of the run.
        count: F, frames of the clip.
        text_key: Names what LoRAs do to the text encoder.
        attention: Installed; None leaves each frame to itself.
        edges: None runs without a ControlNet.
        chunk: Frames of one call; halved where the memory does not do.
    """

    stage: Stage[ClipSettings]
    count: int
    text_key: str
    attention: CrossFrameAttention | None
    edges: Edges | None
    chunk: int = MOST_TOGETHER

    def denoiser(self, span: Span) -> Denoiser:
        """x: (F, C, h, w). All frames take a step before any takes the next one."""
        built: dict[tuple[int, int], Denoiser] = {}

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            return overcome(self._ways(partial(self._in_chunks, x, level, span, built)), TOO_MUCH)

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

    def _in_chunks(
        self, x: torch.Tensor, level: Level, span: Span, built: dict[tuple[int, int], Denoiser]
    ) -> torch.Tensor:
        made: list[torch.Tensor] = []
        for start in range(0, self.count, self.chunk):
            end = min(self.count, start + self.chunk)
            if (start, end) not in built:
                built[start, end] = make_denoiser(
                    self.stage, span, self.text_key, base=self._base(start, end)
                )
            rows = torch.arange(start, end, device=x.device)
            with self._looking(Rows(end - start, start == 0, end < self.count)):
                made.append(built[start, end](x[start:end], level.rows(rows)).float())
        return torch.cat(made)

    def _looking(self, rows: Rows) -> AbstractContextManager[None]:
        return nullcontext() if self.attention is None else self.attention.over(rows)

    def _base(self, start: int, end: int) -> BaseDenoiser | None:
        """The network with the ControlNet over frames `start` to `end`; None for the plain one."""
        edges, settings = self.edges, self.stage.settings
        if edges is None:
            return None
        control = Control(
            edges.net, edges.hints[start:end], settings.control_scale, "balanced", SigmaRange()
        )

        def base(conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
            return controlled(self.stage.model.network, [control])(conditioning, check)

        return base

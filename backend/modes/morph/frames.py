"""Frames between two ends: all of them in each UNet call, or in chunks that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from backend.contracts.settings import MorphSettings
from backend.models.denoiser.attention import Blend, EndAttention
from backend.models.memory.devices import Device
from backend.models.memory.memory_pressure import Way, halvings, overcome
from backend.models.text.clip import Conditioning
from backend.modes.attending import Attending
from backend.modes.conditioned import Conditioned
from backend.modes.guide import Check, guided
from backend.modes.morph.cost import Ledger
from backend.modes.morph.ends import End
from backend.modes.morph.weights import RowWeights
from backend.modes.run import Run, Sampled, drive
from backend.modes.stage import Stage
from backend.modes.start import Origin, Span
from backend.modes.watching import Shown
from backend.sampling.interpolation import lerp_rows, path_noise
from backend.sampling.noise import SeededNoise, slerp
from backend.sampling.types import Denoiser, Level

MOST_TOGETHER = 32
LEAST = 2  # the ends, which the others look at, are in one call
TOO_MUCH = "Two frames of this size are too much for the memory that is free."


@dataclass(eq=False)
class Frames:
    """Draws frames at any positions between two ends.

    Attributes:
        stage: Of the run.
        ends: With their starts.
        negative: The negative prompt.
        weights: LoRAs that change from row to row.
        attention: To the ends; None leaves attention as it is.
        ledger: Counts the model calls.
        chunk: Rows of one call; halved where the memory does not do.
    """

    stage: Stage[MorphSettings]
    ends: tuple[End, End]
    negative: Conditioning
    weights: RowWeights
    attention: EndAttention | None
    ledger: Ledger
    chunk: int = MOST_TOGETHER

    @property
    def settings(self) -> MorphSettings:
        """Resolved."""
        return self.stage.settings

    def draw(self, at: Sequence[float]) -> torch.Tensor:
        """Runs the sampler for frames at these positions.

        Args:
            at: 0..1. The first time with 0 first and 1 last, so that the ends' features are seen.

        Returns:
            (F, C, h, w) latents for the codec.
        """
        attention = self.attention
        blended = self._blended_steps
        unseen = attention is not None and not all(attention.has(i) for i in range(blended))
        if unseen and not (at[0] == 0 and at[-1] == 1):
            rows, inner = (0.0, *at, 1.0), slice(1, -1)  # the ends run along
        else:
            rows, inner = tuple(at), slice(None)
        x = self._starts(rows)
        seeds = [self.settings.seed] * len(rows)
        shape = (x.shape[1], x.shape[2], x.shape[3])
        noise = SeededNoise(seeds, shape, x.device, pinned=Device(x.device).pins)
        begin = Origin(self.stage.schedule, x)
        shown = self.settings.model_copy(update={"frames": len(at)})

        def walk() -> Sampled:
            return Sampled(self.settings.sampler, self._denoiser(rows), begin, noise)

        watch = Shown(replace(self.stage, settings=shown))
        latents = drive(Run(walk, watch, (self.weights, *self.looking), rows=inner))
        self.weights.at(0)
        return latents

    @property
    def looking(self) -> tuple[Attending, ...]:
        """The attention, as what the model is under."""
        attention = self.attention
        return () if attention is None else (Attending(attention, self.stage.context),)

    @property
    def _blended_steps(self) -> int:
        return round(self.settings.attention_lambda * self.stage.schedule.steps)

    def _starts(self, at: Sequence[float]) -> torch.Tensor:
        a, b = (end.start for end in self.ends)
        assert a is not None
        assert b is not None
        match = self.settings.adain and self.settings.method != "walk"
        return path_noise(a, b, at, match_channels=match)

    def _text(self, at: Sequence[float]) -> Conditioning:
        texts = [end.text for end in self.ends]
        length = max(self.negative.context.shape[1], *(t.context.shape[1] for t in texts))
        a, b = (text.padded(length) for text in texts)
        pooled = None
        if a.pooled is not None and b.pooled is not None:
            pooled = self._between(a.pooled, b.pooled, at)
        lengths = None
        if a.lengths is not None:  # the ends of the way are the ends' own
            lengths = tuple(each for t in at for each in a.mixed_lengths(b, t) or ())
        return Conditioning(self._between(a.context, b.context, at), a.padding, pooled, lengths)

    def _between(self, a: torch.Tensor, b: torch.Tensor, at: Sequence[float]) -> torch.Tensor:
        """(1, ..., D) of both ends -> (F, ..., D)."""
        if self.settings.embeddings == "lerp":
            return lerp_rows(a.float(), b.float(), at).to(a.dtype)
        # Each position's vector by itself.
        shape = (len(at), *a.shape[1:])
        weights = torch.tensor(at, device=a.device).view(-1, *(1,) * (a.ndim - 1))
        rows = slerp(a.float().expand(shape), b.float().expand(shape), weights, dims=(-1,))
        return rows.to(a.dtype)

    def _denoiser(self, at: Sequence[float]) -> Denoiser:
        levels = self.stage.schedule.levels
        built: dict[tuple[int, ...], Denoiser] = {}

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            assert level.value is not None
            step = levels.index(level.value)
            work = partial(self._in_chunks, x, level, step, at, built)
            return overcome(self._ways(len(x), work), TOO_MUCH)

        return denoise

    def _ways(self, rows: int, work: Callable[[int], torch.Tensor]) -> Iterator[Way[torch.Tensor]]:
        """All rows in chunks of the size that did so far, then of smaller ones: not below two."""
        first = max(LEAST, min(self.chunk, rows))
        for size in halvings(first, LEAST):
            told = ""
            if size < first:
                self.chunk = size
                told = f"The memory holds {size} frames at once; they were drawn in parts."
            yield Way(partial(work, size), told)

    def _in_chunks(
        self,
        x: torch.Tensor,
        level: Level,
        step: int,
        at: Sequence[float],
        built: dict[tuple[int, ...], Denoiser],
        size: int,
    ) -> torch.Tensor:
        attention = self.attention if step < self._blended_steps else None
        order = list(range(len(at)))
        whole = at[0] == 0 and at[-1] == 1 and len(at) > 1
        if attention is not None:
            if whole:  # the chunk that holds the ends goes first, the others look back at it
                order = [0, len(at) - 1, *order[1:-1]]
            else:
                attention.recall(step)
        x0 = torch.empty_like(x, dtype=torch.float32)
        for start in range(0, len(order), size):
            rows = tuple(order[start : start + size])
            index = torch.tensor(rows).to(x.device, non_blocking=True)
            here_at = [at[row] for row in rows]
            self.weights.rows(here_at)
            if attention is not None:
                attention.blend = Blend(
                    torch.tensor(here_at).to(x.device, non_blocking=True),
                    (0, 1) if whole and start == 0 else None,
                    fused=self.settings.method == "quick",
                )
            try:
                if rows not in built:
                    built[rows] = self._guided(here_at)
                x0[index] = built[rows](x[index], level.rows(index)).float()
            finally:
                if attention is not None:
                    attention.blend = None
        if attention is not None:
            if whole:
                attention.keep(step)
            attention.forget_step()
        return x0

    def _guided(self, at: Sequence[float]) -> Denoiser:
        def base(conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
            return self.ledger.denoiser(self.stage.model.network, conditioning, check)

        return guided(
            self.stage,
            Span(self.stage.schedule),
            [Conditioned(self._text(at))],
            self.negative.repeat(len(at)),
            base,
        )

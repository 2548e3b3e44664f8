"""The pad: a coarse grid of pictures between LoRAs, many in each model call.

Each sample of the batch has the weights of its own point (`ActiveMix.per_sample`), so a grid costs
what a batch costs. The pictures are small, and come corners first.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from PIL import Image

from backend.contracts.events import Output, Pixels
from backend.contracts.settings.lora_tools import LoraPadSettings
from backend.models.lora.file import LoraFile
from backend.models.lora.mix import NETWORKS, LoraMixer, text_key, weights_at
from backend.models.text.clip import Conditioning
from backend.modes import limits
from backend.modes.conditioned import conditioned
from backend.modes.context import Context
from backend.modes.guide import guided
from backend.modes.leasing import Held, Needs
from backend.modes.mixing import lora_files
from backend.modes.mode import PictureMode, Task
from backend.modes.pausable import LorasAside
from backend.modes.prompt_timeline import Words
from backend.modes.record import recorded, singles
from backend.modes.run import Run, Sampled, conduct, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Span, fresh, make_noise
from backend.modes.watching import Counted
from backend.sampling.types import NoiseSource

MOST_TOGETHER = 8  # a picture goes first after one call, which should stay short
SMALL_PX = 256

Point = tuple[float, float]


def run(request: Task[LoraPadSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `LoraPadSettings`.
        context: The job's surroundings.

    Yields:
        A small picture for each of the settings' points; its record makes the exact one, and
        `extra` says where it stands as `point`.
    """
    settings = request.settings
    context.inform({"settings": settings.model_dump(mode="json")})  # exact pictures need the seed
    yield from conduct(Needs.of(settings), context, partial(_drawn, settings, context))


def _drawn(settings: LoraPadSettings, context: Context, held: Held) -> Iterator[Output]:
    model = held.model
    coarse = settings.model_copy(update={"steps": settings.coarse_steps})
    stage = stage_of(coarse, model, context)
    files = lora_files(settings.loras, model, context)
    size = min(MOST_TOGETHER, limits.rows_that_fit(settings, model.info, model.target))
    points, done = settings.points, 0
    starts = range(0, len(points), size)
    for number, start in enumerate(starts):
        mix = _PointMix(stage, files, points[start : start + size])
        latents = _together(stage, mix, (number, len(starts)))
        for point, row in zip(mix.points, singles(latents), strict=True):
            image = model.codec.decode(row, context.check)[0]
            exact = recorded(settings.exact(*point), model, {"point": list(point)})
            yield Output(done, _small(image), exact)
            done += 1


class _PointMix(LorasAside):
    """The LoRAs at the corners, weighted for each row of a batch by its point.

    Args:
        stage: Of the pad.
        files: One for each corner.
        points: Of the rows.
    """

    def __init__(
        self, stage: Stage[LoraPadSettings], files: tuple[LoraFile, ...], points: tuple[Point, ...]
    ) -> None:
        super().__init__(stage.context)
        self.points = points
        self._stage, self._files = stage, files
        self._step: int | None = None  # None while prompts are encoded
        self._mixer = LoraMixer(stage.model.lora_parts, stage.model.patches)

    def encode(self, prompt: str, *, negative: bool = False) -> Conditioning:
        """A prompt for each point, under the LoRAs of the text encoder as they are there."""
        assert self._active is not None
        self._step = None
        text, settings = self._stage.model.text, self._stage.settings
        encoded: list[Conditioning] = []
        for point in self.points:
            uses = settings.corners_at(*point)
            mix = [(file, use.weight) for file, use in zip(self._files, uses, strict=True)]
            key = text_key(mix)
            if key:
                self._active.remix(mix)
            encoded.append(
                text.unconditional(prompt, settings.clip_skip, key)
                if negative
                else text.encode([prompt], settings.clip_skip, key)
            )
        if any(file.info.parts - NETWORKS for file in self._files):
            self._active.remix([(file, 1.0) for file in self._files])
        return Conditioning.cat(encoded)

    def at(self, step: int) -> None:
        """Each row at its point, in a step of the run."""
        assert self._active is not None
        self._step, settings = step, self._stage.settings
        acting = weights_at(settings.loras, min(step, settings.steps - 1), settings.steps)
        shares = [settings.shares(*point) for point in self.points]
        self._active.per_sample(
            torch.tensor(
                [[w * share for w, share in zip(acting, own, strict=True)] for own in shares]
            )
        )

    def enter(self) -> None:
        self.apply(self._mixer, [(file, 1.0) for file in self._files])
        if self._step is not None:
            self.at(self._step)


class _SameNoise:
    """One picture's noise for every row of a batch."""

    def __init__(self, source: NoiseSource, rows: int) -> None:
        self._source, self._rows = source, rows

    @property
    def draws(self) -> int:
        return self._source.draws

    def draw(self) -> torch.Tensor:
        return self._source.draw().repeat(self._rows, 1, 1, 1)

    def skip_to(self, draws: int) -> None:
        self._source.skip_to(draws)


def _together(
    stage: Stage[LoraPadSettings], mix: _PointMix, batch: tuple[int, int]
) -> torch.Tensor:
    """(B, C, h, w) latents for the codec, a row for each point, all from the seed's one noise.

    Args:
        stage: What is drawn.
        mix: Its LoRAs.
        batch: Which of how many batches it is.
    """
    settings, model, schedule = stage.settings, stage.model, stage.schedule
    noise = _SameNoise(make_noise(settings, model), len(mix.points))
    begin = fresh(stage, noise)

    def walk() -> Sampled:
        words = Words(settings.prompt, settings.negative_prompt, settings.prompt_b)
        positives = conditioned(words, settings.prompt_mix, mix.encode)
        negative = mix.encode(settings.negative_prompt, negative=True)
        denoiser = guided(stage, Span(schedule), positives, negative, model.network.denoiser)
        return Sampled.of(settings, denoiser, begin, noise)

    number, batches = batch
    steps = schedule.steps
    watch = Counted(stage.context, "sampling", batches * steps, number * steps)
    return drive(Run(walk, watch, (mix,)))


def _small(image: Pixels) -> Pixels:
    picture = Image.fromarray(image)
    picture.thumbnail((SMALL_PX, SMALL_PX), Image.Resampling.LANCZOS)
    return np.array(picture)


MODE = PictureMode(LoraPadSettings, run)

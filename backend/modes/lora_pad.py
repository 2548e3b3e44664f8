"""The pad: a coarse grid of pictures between LoRAs, many in each model call.

Each sample of the batch has the weights of its own point (`ActiveMix.per_sample`), so a grid costs
what a batch costs. The pictures are small, and come corners first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.settings.lora_tools import LoraPadSettings
from backend.models.checkpoint import Checkpoint
from backend.models.lora.file import LoraFile
from backend.models.lora.mix import LoraMixer, text_key, weights_at
from backend.models.text.clip import Conditioning
from backend.modes import limits
from backend.modes.context import Context
from backend.modes.guide import guided
from backend.modes.leasing import leased
from backend.modes.mixing import lora_files
from backend.modes.mode import PictureMode, Task
from backend.modes.pausable import LorasAside
from backend.modes.record import recorded, singles
from backend.modes.run import Counted, Run, Sampled, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Span, fresh, make_noise
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
    context.report(Progress("loading", note=f"Loading {settings.model}"))
    with leased(context.models, settings) as model:
        coarse = settings.model_copy(update={"steps": settings.coarse_steps})
        stage = stage_of(coarse, model, context)
        files = lora_files(settings.loras, model, context)
        mix = _PointMix(model, coarse, files)
        size = min(MOST_TOGETHER, limits.rows_that_fit(settings, model.info, model.target))
        points, done = settings.points, 0
        with mix.installed(context):
            starts = range(0, len(points), size)
            for number, start in enumerate(starts):
                here = points[start : start + size]
                latents = _drawn(stage, mix, here, (number, len(starts)))
                for point, row in zip(here, singles(latents), strict=True):
                    image = model.codec.decode(row, context.check)[0]
                    exact = recorded(settings.exact(*point), model, {"point": list(point)})
                    yield Output(done, _small(image), exact)
                    done += 1


@dataclass(eq=False)
class _PointMix(LorasAside):
    """The LoRAs at the corners, weighted for each row of a batch by its point."""

    model: Checkpoint
    settings: LoraPadSettings
    files: tuple[LoraFile, ...]
    points: tuple[Point, ...] = ()
    step: int = 0
    _mixer: LoraMixer = field(init=False)

    def __post_init__(self) -> None:
        self._mixer = LoraMixer(self.model.lora_parts, self.model.patches)

    def encode(
        self, prompt: str, points: Sequence[Point], *, negative: bool = False
    ) -> Conditioning:
        """A prompt for each point, under the LoRAs of the text encoder as they are there."""
        assert self._active is not None
        self.points = ()
        encoded: list[Conditioning] = []
        for point in points:
            uses = self.settings.corners_at(*point)
            mix = [(file, use.weight) for file, use in zip(self.files, uses, strict=True)]
            key = text_key(mix)
            if key:
                self._active.remix(mix)
            text, skip = self.model.text, self.settings.clip_skip
            encoded.append(
                text.unconditional(prompt, skip, key)
                if negative
                else text.encode([prompt], skip, key)
            )
        if any(file.info.parts - {"unet"} for file in self.files):
            self._active.remix([(file, 1.0) for file in self.files])
        return Conditioning.cat(encoded)

    def show(self, points: tuple[Point, ...], step: int) -> None:
        """Rows at these points, in a step of the run."""
        self.points, self.step = points, step
        acting = weights_at(
            self.settings.loras, min(step, self.settings.steps - 1), self.settings.steps
        )
        assert self._active is not None
        self._active.per_sample(
            torch.tensor(
                [
                    [
                        weight * share
                        for weight, share in zip(acting, self.settings.shares(*point), strict=True)
                    ]
                    for point in points
                ]
            )
        )

    def enter(self) -> None:
        self.apply(self._mixer, [(file, 1.0) for file in self.files])
        if self.points:
            self.show(self.points, self.step)


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


def _drawn(
    stage: Stage[LoraPadSettings],
    mix: _PointMix,
    points: tuple[Point, ...],
    batch: tuple[int, int],
) -> torch.Tensor:
    """(len(points), C, h, w) latents for the codec, all from the one noise of the seed.

    Args:
        stage: What is drawn.
        mix: Its LoRAs.
        points: Of the rows.
        batch: Which of how many batches it is.
    """
    settings, model, schedule = stage.settings, stage.model, stage.schedule
    positive = mix.encode(settings.prompt, points)
    if settings.prompt_mix > 0:
        positive = positive.lerp(mix.encode(settings.prompt_b, points), settings.prompt_mix)
    negative = mix.encode(settings.negative_prompt, points, negative=True)
    denoiser = guided(stage, Span(schedule), positive, negative, model.network.denoiser)
    noise = _SameNoise(make_noise(settings, model), len(points))
    begin = fresh(stage, noise)
    number, batches = batch
    return drive(
        Run(
            Sampled(settings.sampler, denoiser, begin, noise, settings.eta, settings.variance),
            Counted(stage.context, "sampling", batches * schedule.steps, number * schedule.steps),
            follow=lambda step: mix.show(points, step),
        )
    )


def _small(image: Pixels) -> Pixels:
    picture = Image.fromarray(image)
    picture.thumbnail((SMALL_PX, SMALL_PX), Image.Resampling.LANCZOS)
    return np.array(picture)


MODE = PictureMode(LoraPadSettings, run)

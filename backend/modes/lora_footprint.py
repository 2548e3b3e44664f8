"""The footprint of each LoRA of a run: how much, where and when it changes the predicted x0.

The run goes its own way again. At each model call it is also asked what x0 it would predict at the
same x without one LoRA; the difference is that LoRA's, whatever the others do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from backend.contracts.events import Output, Progress
from backend.contracts.settings.lora_tools import FootprintSettings
from backend.modes.context import Context
from backend.modes.guide import make_denoiser
from backend.modes.leasing import Held, Needs
from backend.modes.mixing import RunMix, mix_of
from backend.modes.mode import PictureMode, Task
from backend.modes.record import outputs
from backend.modes.run import Run, Sampled, Steady, conduct, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Span, fresh, make_noise
from backend.modes.watching import Counted
from backend.pictures.heat import heat_map
from backend.sampling.types import Denoiser, Level, floats


def run(request: Task[FootprintSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `FootprintSettings`.
        context: The job's surroundings.

    Yields:
        One map a LoRA, all to one scale; `extra` names it as `footprint`. The job's info holds
        `footprint`: for each LoRA its name, its share of the change in each step (`shares`) and in
        all (`share`).
    """
    return conduct(Needs.of(request.settings), context, partial(_drawn, request, context))


def _drawn(request: Task[FootprintSettings], context: Context, held: Held) -> Iterator[Output]:
    settings = request.settings
    names = [use.name for use in settings.loras]
    stage = stage_of(settings, held.model, context)
    mix = mix_of(stage)
    watched = _Watched(len(names), mix)
    noise = make_noise(settings, held.model)
    begin = fresh(stage, noise)

    def walk() -> Sampled:
        return Sampled.of(settings, watched.over(stage), begin, noise)

    watch = Counted(context, "sampling", settings.steps)
    latents = drive(Run(walk, watch, (Steady(mix),), follow=watched.at))
    told = watched.told()
    context.inform(
        {"footprint": [{"name": name, **facts} for name, facts in zip(names, told, strict=True)]}
    )
    context.report(Progress("decoding"))
    (drawn,) = outputs(stage, latents, {})
    maps = watched.maps()
    most = max(float(one.max()) for one in maps)
    for place, (name, one) in enumerate(zip(names, maps, strict=True)):
        record = replace(drawn.record, extra={**drawn.record.extra, "footprint": name})
        yield Output(place, heat_map(drawn.image, one, most), record)


class _Watched:
    """The run's denoiser, which also asks what would be without each LoRA."""

    def __init__(self, count: int, mix: RunMix) -> None:
        self._all = tuple(range(count))
        self._fewer = [tuple(i for i in self._all if i != without) for without in self._all]
        self._mix = mix
        self._full: Denoiser | None = None
        self._without: list[Denoiser] = []
        self._step = 0
        self._heat: list[torch.Tensor | float] = [0.0] * count
        self._steps: list[list[torch.Tensor]] = []

    def over(self, stage: Stage[FootprintSettings]) -> Denoiser:
        """The denoiser of a run; the mix is in force."""
        self._full, *self._without = (
            self._denoiser(stage, rows) for rows in (self._all, *self._fewer)
        )
        return self

    def _denoiser(self, stage: Stage[FootprintSettings], rows: tuple[int, ...]) -> Denoiser:
        self._mix.whole(rows)
        return make_denoiser(stage, Span(stage.schedule), self._mix.key_of(rows))

    def __call__(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        others: list[torch.Tensor] = []
        for denoiser, rows in zip(self._without, self._fewer, strict=True):
            self._mix.at(self._step, rows)
            others.append(denoiser(x, level).float())
        self._mix.at(self._step, self._all)
        assert self._full is not None, "`over` comes first"
        x0 = self._full(x, level)
        changes = [(x0.float() - without).square().mean(dim=1) for without in others]
        self._heat = [heat + change for heat, change in zip(self._heat, changes, strict=True)]
        self._steps[-1].append(torch.stack([change.mean().sqrt() for change in changes]))
        return x0

    def at(self, step: int) -> None:
        """The coming calls belong to this step."""
        self._step = step
        self._steps.append([])

    def maps(self) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
        """(h, w) for each LoRA: root mean square of the change over the run and the channels."""
        calls = max(1, sum(map(len, self._steps)))
        return [torch.as_tensor(heat)[0].div(calls).sqrt().cpu().numpy() for heat in self._heat]

    def told(self) -> list[dict[str, Any]]:
        """Shares of the change, by step and in all; 0 where nothing changes."""
        steps = torch.stack([torch.stack(calls).mean(dim=0) for calls in self._steps if calls])
        sums = steps.sum(dim=1, keepdim=True)
        shares = torch.where(sums > 0, steps / sums.clamp(min=1e-30), torch.zeros_like(steps))
        total = steps.sum(dim=0)
        overall = total / total.sum().clamp(min=1e-30)
        return [
            {
                "shares": [round(v, 4) for v in floats(shares[:, i])],
                "share": round(float(overall[i]), 4),
            }
            for i in range(steps.shape[1])
        ]


MODE = PictureMode(FootprintSettings, run)

"""The footprint of each LoRA and region: how much, where and when it changes the predicted x0.

The run goes its own way again. At each model call it is also asked what x0 it would predict at the
same x without one of them; the difference is that one's, whatever the others do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from backend.modes.regions import mask
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
        One map a LoRA or region, all to one scale; `extra` names it as `footprint`. The job's info
        holds `footprint`: for each its name, its share of the change in each step (`shares`) and
        in all (`share`); for a region also how much of what it changed is `inside` of it.
    """
    return conduct(Needs.of(request.settings), context, partial(_drawn, request, context))


def _drawn(request: Task[FootprintSettings], context: Context, held: Held) -> Iterator[Output]:
    settings = request.settings
    names = settings.watched
    stage = stage_of(settings, held.model, context)
    mix = mix_of(stage)
    watched = _Watched(len(settings.loras), len(settings.regions), mix)
    noise = make_noise(settings, held.model)
    begin = fresh(stage, noise)

    def walk() -> Sampled:
        return Sampled.of(settings, watched.over(stage), begin, noise)

    watch = Counted(context, "sampling", settings.steps)
    latents = drive(Run(walk, watch, (Steady(mix),), follow=watched.at))
    told = watched.told(_places(stage))
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


def _places(stage: Stage[FootprintSettings]) -> list[torch.Tensor]:
    """Where each region acts, its soft edges included: (h, w) of 0 and 1."""
    settings, factor = stage.settings, stage.model.vae_factor
    width, height = settings.drawn_size
    size = height // factor, width // factor
    return [(mask(region, settings.region_soft, size) > 0).float() for region in settings.regions]


class _Watched:
    """The run's denoiser, which also asks what would be without each LoRA and each region."""

    def __init__(self, loras: int, regions: int, mix: RunMix) -> None:
        self._all = tuple(range(loras))
        fewer = [tuple(i for i in self._all if i != without) for without in self._all]
        self._rows = [*fewer, *[self._all] * regions]  # of LoRAs that act where one is left out
        self._mix = mix
        self._full: Denoiser | None = None
        self._without: list[Denoiser] = []
        self._step = 0
        self._heat: list[torch.Tensor | float] = [0.0] * (loras + regions)
        self._steps: list[list[torch.Tensor]] = []

    def over(self, stage: Stage[FootprintSettings]) -> Denoiser:
        """The denoiser of a run; the mix is in force."""
        settings = stage.settings
        self._full = self._denoiser(stage, self._all)
        kept = [settings.regions] * len(self._all)
        kept += [
            tuple(other for other in settings.regions if other is not region)
            for region in settings.regions
        ]
        self._without = [
            self._denoiser(
                replace(stage, settings=settings.model_copy(update={"regions": regions})), rows
            )
            for regions, rows in zip(kept, self._rows, strict=True)
        ]
        return self

    def _denoiser(self, stage: Stage[FootprintSettings], rows: tuple[int, ...]) -> Denoiser:
        self._mix.whole(rows)
        return make_denoiser(stage, Span(stage.schedule), self._mix.key_of(rows))

    def __call__(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        others: list[torch.Tensor] = []
        for denoiser, rows in zip(self._without, self._rows, strict=True):
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
        """(h, w) each: root mean square of the change over the run and the channels."""
        calls = max(1, sum(map(len, self._steps)))
        return [torch.as_tensor(heat)[0].div(calls).sqrt().cpu().numpy() for heat in self._heat]

    def told(self, places: Sequence[torch.Tensor] = ()) -> list[dict[str, Any]]:
        """Shares of the change, by step and in all; 0 where nothing changes.

        Args:
            places: Where each region acts, (h, w) of 0 and 1.
        """
        steps = torch.stack([torch.stack(calls).mean(dim=0) for calls in self._steps if calls])
        sums = steps.sum(dim=1, keepdim=True)
        shares = torch.where(sums > 0, steps / sums.clamp(min=1e-30), torch.zeros_like(steps))
        total = steps.sum(dim=0)
        overall = total / total.sum().clamp(min=1e-30)
        told: list[dict[str, Any]] = [
            {
                "shares": [round(v, 4) for v in floats(shares[:, i])],
                "share": round(float(overall[i]), 4),
            }
            for i in range(steps.shape[1])
        ]
        for number, place in enumerate(places, start=len(self._all)):
            heat = torch.as_tensor(self._heat[number])[0].cpu()
            within = (heat * place).sum() / heat.sum().clamp(min=1e-30)
            told[number]["inside"] = round(float(within), 4)
        return told


MODE = PictureMode(FootprintSettings, run)

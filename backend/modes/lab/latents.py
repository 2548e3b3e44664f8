"""A picture through the autoencoder and back: what it keeps, what it loses, and its channels."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

import numpy as np
import torch

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.lab.facts import Channel, Encoded, Level
from backend.contracts.lab.latents import LatentsSettings
from backend.modes.context import Context
from backend.modes.leasing import Held, Needs
from backend.modes.mode import PictureMode, Task
from backend.modes.record import recorded
from backend.modes.run import conduct
from backend.modes.stage import make_schedule
from backend.pictures.difference import psnr
from backend.pictures.fit import fit
from backend.pictures.heat import heat_map
from backend.sampling.types import Schedule, alpha_of, floats

SEEN = 32  # a difference of so many of 255 is the brightest colour of the map


def run(request: Task[LatentsSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `LatentsSettings` and the picture "image".
        context: The job's surroundings.

    Yields:
        The reconstruction. Its views are the "original" at the model's size, the "difference" and
        each "channel-N" of the latents in grey; `extra` holds the latents in half precision.
    """
    needs = Needs.of(request.settings)
    yield from conduct(needs, context, partial(_looked, request, context))


def _looked(request: Task[LatentsSettings], context: Context, held: Held) -> Iterator[Output]:
    settings, model = request.settings, held.model
    original = fit(request.images["image"], *settings.drawn_size).image
    context.report(Progress("encoding"))
    mean, _ = context.posteriors.encode(model, original, context.check)
    context.report(Progress("decoding"))
    back = model.codec.decode(mean, context.check)[0]
    latents = mean[0].float().cpu()
    views = {"original": original, "difference": differing(original, back)}
    views |= {f"channel-{i}": in_grey(row) for i, row in enumerate(latents)}
    found = Encoded(
        psnr=psnr(original, back),
        worst=int(np.abs(original.astype(np.int16) - back).max()),
        shape=(latents.shape[0], latents.shape[1], latents.shape[2]),
        factor=model.vae_factor,
        compression=round(original.size / latents.numel(), 2),
        channels=tuple(map(_channel, latents)),
        levels=levels_of(make_schedule(settings, model)),
    )
    context.inform({"lab": asdict(found)})
    yield Output(0, back, recorded(settings, model, {"latents": as_text(latents)}), views=views)


def differing(original: Pixels, back: Pixels) -> Pixels:
    """Where a reconstruction differs, over the original in grey: bright from `SEEN` of 255 on."""
    apart = np.abs(original.astype(np.float32) - back).max(axis=-1)
    return heat_map(original, apart, SEEN)


def in_grey(channel: torch.Tensor) -> Pixels:
    """(h, w) -> (h, w, 3), black at its least value and white at its largest."""
    least, most = float(channel.min()), float(channel.max())
    share = (channel - least) / (most - least) if most > least else torch.zeros_like(channel)
    grey = (share * 255).round().to(torch.uint8).numpy()
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=-1))


def levels_of(schedule: Schedule) -> tuple[Level, ...]:
    """The levels of a schedule, as the model is asked at them."""
    naming = schedule.naming if schedule.naming == "flow" else "vp"
    ratios, timesteps = schedule.levels[:-1], floats(schedule.timesteps)
    alphas = [alpha_of(ratio, naming) for ratio in ratios]
    return tuple(
        Level(round(step, 2), round(ratio, 5), round(alpha, 5), round(ratio * alpha, 5))
        for step, ratio, alpha in zip(timesteps, ratios, alphas, strict=True)
    )


def as_text(latents: torch.Tensor) -> dict[str, object]:
    """{"shape", "float16"}: latents for a file, little-endian and in base64, row by row."""
    half = latents.numpy().astype("<f2")
    return {"shape": list(half.shape), "float16": base64.b64encode(half.tobytes()).decode()}


def _channel(channel: torch.Tensor) -> Channel:
    least, most = float(channel.min()), float(channel.max())
    mean, deviation = float(channel.mean()), float(channel.std(correction=0))
    return Channel(round(least, 4), round(most, 4), round(mean, 4), round(deviation, 4))


MODE = PictureMode(LatentsSettings, run)

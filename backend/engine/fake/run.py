"""What a run of the FakeEngine draws, records and tells, mode by mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np

from backend.contracts.events import Output, Pixels, Record
from backend.contracts.requests import Request
from backend.contracts.settings import (
    ClipSettings,
    Img2ImgSettings,
    LoraMixSettings,
    MorphSettings,
    Settings,
    StyleTransferSettings,
    Txt2ImgSettings,
    UpscaleSettings,
    XyzGridSettings,
)
from backend.contracts.settings.live import Place
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.contracts.settings.reference import REFERENCE, ReferenceFields
from backend.engine.fake import clip as fake_clip
from backend.engine.fake import morph as fake_morph
from backend.engine.fake import picture as fake_picture
from backend.engine.fake import upscale as fake_upscale
from backend.engine.jobs.protocol import FrameKind
from backend.pictures import canvas
from backend.pictures.fit import fit

_HASH = "0" * 10


def levels(settings: Settings) -> tuple[float, ...]:
    """Evenly from 14.6 to 0."""
    return tuple(14.6 * (1 - i / settings.steps) for i in range(settings.steps + 1))


def sigmas(settings: Settings) -> tuple[float, ...]:
    """Levels after each step of all stages."""
    if isinstance(settings, Txt2ImgSettings) and settings.later:
        return levels(settings)[1:] + tuple(
            level for stage in settings.later_stages for level in levels(stage)[1:]
        )
    if isinstance(settings, Txt2ImgSettings) and settings.hires:
        second = settings.second_stage
        return levels(settings)[1:] + levels(second)[second.steps - run_steps(second) + 1 :]
    if isinstance(settings, UpscaleSettings):
        total = run_steps(settings)
        return tuple(14.6 * (1 - i / total) for i in range(1, total + 1))
    return levels(settings)[settings.steps - run_steps(settings) + 1 :]


def run_steps(settings: Settings) -> int:
    """Steps that a run takes: part of them where it starts from a picture."""
    if isinstance(settings, XyzGridSettings):
        return settings.model_steps
    if isinstance(settings, Txt2ImgSettings) and settings.hires:
        return settings.steps + run_steps(settings.second_stage)
    if isinstance(settings, Txt2ImgSettings) and settings.later:
        return settings.steps + sum(stage.steps for stage in settings.later_stages)
    if isinstance(settings, ClipSettings):
        return settings.model_steps
    if isinstance(settings, UpscaleSettings):
        return fake_upscale.steps(settings)
    if isinstance(settings, Img2ImgSettings) and settings.starts_from_picture:
        return max(settings.model_steps(strength) for strength in settings.ladder)
    return settings.steps


def place(settings: Settings, step: int) -> Place:
    """Stage, and step of its schedule, of step `step` of a run."""
    if isinstance(settings, Txt2ImgSettings) and settings.hires and step >= settings.steps:
        second = settings.second_stage
        return 1, second.steps - run_steps(second) + step - settings.steps
    if isinstance(settings, Img2ImgSettings) and settings.starts_from_picture:
        return 0, settings.steps - run_steps(settings) + step
    return 0, step


def diffuses(settings: Settings) -> bool:
    """Whether a diffusion model draws though none is named as `model`."""
    return isinstance(settings, UpscaleSettings) and settings.diffuses


def images_at(settings: Settings, step: int) -> range:
    """Which pictures of a run a step is for: those of its stage in a cascade, else all."""
    if not isinstance(settings, Txt2ImgSettings) or not settings.later:
        return range(settings.picture_count)
    ends = accumulate([settings.steps, *(row.steps for row in settings.later)])
    first = sum(step >= end for end in ends) * settings.batch_size
    return range(first, first + settings.batch_size)


def frame(request: Request, image: int, done: float, kind: FrameKind = "x0") -> Pixels:
    """One picture of a run, `done` of the way from noise (0) to the end (1)."""
    settings, size = request.settings, request.settings.drawn_size
    if isinstance(settings, MorphSettings):
        grain = fake_picture.noise(settings.prompt, settings.seed, *size)
        shape = fake_picture.predicted if kind == "x0" else fake_picture.noised
        return shape(fake_morph.frame(request, image), done, grain)
    if isinstance(settings, ClipSettings):
        grain = fake_picture.noise(settings.prompt, settings.seed, *size)
        shape = fake_picture.predicted if kind == "x0" else fake_picture.noised
        return shape(fake_clip.frame(request, image), done, grain)
    if isinstance(settings, UpscaleSettings):
        picture = fake_upscale.frame(request, image)
        grain = fake_picture.noise(settings.prompt, settings.seed, *size)
        shape = fake_picture.predicted if kind == "x0" else fake_picture.noised
        return shape(picture, done, grain)
    seed = settings.image_seed(image % settings.batch_size)
    prompt = settings.prompt
    if isinstance(settings, Txt2ImgSettings) and settings.later:
        size = settings.up_to(image // settings.batch_size).drawn_size
    if isinstance(settings, LoraPadSettings):
        prompt += str(settings.points[image])
        seed = settings.seed
    if isinstance(settings, LoraMixSettings):
        prompt += settings.variants[image // settings.batch_size][0]
    picture = _leaning(request, fake_picture.draw(prompt, seed, *size))
    grain = fake_picture.noise(settings.prompt, seed, *size)
    if isinstance(settings, Img2ImgSettings) and settings.starts_from_picture:
        strength = settings.ladder[image // settings.batch_size]
        source = canvas.prepare(settings, request.images["image"], request.images.get("mask"))
        drawn = source.source + strength * (picture.astype(float) - source.source)
        picture = np.rint(drawn).astype(np.uint8)
        if done >= 1.0:
            return source.finish(picture)
    shape = fake_picture.predicted if kind == "x0" else fake_picture.noised
    return shape(picture, done, grain)


def _leaning(request: Request, picture: Pixels) -> Pixels:
    """Towards the reference, where one acts."""
    settings = request.settings
    if not isinstance(settings, ReferenceFields) or not settings.refers:
        return picture
    height, width = picture.shape[:2]
    other = fit(request.images[REFERENCE], width, height).image.astype(float)
    share = settings.reference_weight / (1 + settings.reference_weight)
    return np.rint(picture + share * (other - picture)).astype(np.uint8)


def outputs(request: Request, made: int, noted: Settings | None = None) -> list[Output]:
    """The finished pictures of one batch; `made` came before them, records tell of `noted`."""
    settings = request.settings
    return [
        _explained(Output(made + i, frame(request, i, 1.0), _record(noted or settings, i)), request)
        for i in range(settings.picture_count)
    ]


def _record(settings: Settings, image: int) -> Record:
    place = image // settings.batch_size
    recipe = settings.model_copy(
        update={"batch_size": 1, "seed": settings.image_seed(image % settings.batch_size)}
    )
    extra: dict[str, Any] = {}
    if isinstance(recipe, Txt2ImgSettings) and recipe.later:
        extra = {"stage": place + 1}
        extra |= {"final_stage": True} if place == len(recipe.later) else {}
        recipe = recipe.up_to(place)
    if isinstance(recipe, LoraMixSettings) and recipe.compare:
        extra = {"compared": recipe.variants[place][0]}
        recipe = recipe.alone(place)
    if isinstance(recipe, LoraPadSettings):
        extra = {"point": list(recipe.points[image])}
        recipe = recipe.exact(*recipe.points[image])
    if isinstance(recipe, UpscaleSettings):
        ways = recipe.variants
        extra = {"compared": ways[place].label} if recipe.compare else {}
        recipe = recipe.alone(place if recipe.compare else 0)
        if not recipe.redraws:
            named = {"name": recipe.upscaler, "hash": _HASH}
            return Record(recipe.mode, recipe.model_dump(mode="json"), named, extra)
    if isinstance(recipe, MorphSettings):
        extra = {"frame": image, "position": image / (recipe.frames - 1)}
        recipe = settings
    if isinstance(recipe, ClipSettings):
        extra, recipe = {"frame": image}, settings
    if isinstance(recipe, Img2ImgSettings) and recipe.starts_from_picture:
        strength = recipe.ladder[place]
        recipe = recipe.model_copy(update={"strength": strength, "strengths": ()})
        ran = recipe.model_steps(strength)
        extra = {"steps": ran, "sigma": levels(settings)[settings.steps - ran]}
    return Record(settings.mode, recipe.model_dump(mode="json"), model(settings), extra)


def model(settings: Settings) -> dict[str, Any]:
    """As records name it."""
    return {"name": settings.model, "hash": _HASH}


def facts(settings: Settings, pictures: Sequence[Pixels]) -> dict[str, Any]:
    """What a run of this mode tells beside its pictures once it is done."""
    told: dict[str, Any] = {}
    if isinstance(settings, MorphSettings):
        told |= fake_morph.facts(pictures)
    if isinstance(settings, ClipSettings):
        told |= fake_clip.facts(pictures, settings)
    if isinstance(settings, FootprintSettings):
        told |= footprint(settings)
    return told


def footprint(settings: FootprintSettings) -> dict[str, Any]:
    """Even shares in every step."""
    names = settings.watched
    share = round(1 / len(names), 4)
    told: list[dict[str, Any]] = [
        {"name": name, "share": share, "shares": [share] * settings.steps} for name in names
    ]
    for row in told[len(settings.loras) :]:
        row["inside"] = 1.0
    return {"footprint": told}


def _explained(output: Output, request: Request) -> Output:
    """Style transfer's measures and views, as the real mode makes them."""
    settings = request.settings
    if isinstance(settings, ClipSettings):
        return replace(output, views=fake_clip.views(request, output.index))
    if not isinstance(settings, StyleTransferSettings):
        return output
    from backend.control import obedience, suggestions  # only here: they need OpenCV
    from backend.control.canny import Canny

    canny = Canny(settings.canny_low, settings.canny_high)
    direct = request.images.get("control_image")
    source = request.images["image"] if direct is None else direct
    source = fit(source, *settings.drawn_size, settings.resize_mode).image
    control = canny(source) if direct is None else source
    found = obedience.measure(control, output.image, canny)
    measured = {
        "recall": found.recall,
        "precision": found.precision,
        "f1": found.f1,
        "density": found.density,
        "suggestions": [
            {"sentence": advice.sentence, "changes": advice.changes}
            for advice in suggestions.suggest(found, settings.control_scale, canny)
        ],
    }
    record = replace(output.record, extra=output.record.extra | {"obedience": measured})
    views = {"control": control, "obedience": obedience.overlay(found, output.image)}
    return replace(output, record=record, views=views)

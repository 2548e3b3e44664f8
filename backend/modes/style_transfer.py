"""A new picture on the edges of another: detector -> ControlNet under the one loop -> obedience."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.settings import ControlUse, DetectorName, Settings, StyleTransferSettings
from backend.control import obedience, registry
from backend.control.canny import Canny
from backend.control.suggestions import suggest
from backend.modes import img2img, record
from backend.modes.context import Context
from backend.modes.controls import Control, controlled
from backend.modes.guide import BaseDenoiser, make_denoiser
from backend.modes.img2img import Guide
from backend.modes.leasing import Held, Needs
from backend.modes.live import Live
from backend.modes.mixing import mix_of
from backend.modes.mode import PictureMode, Task
from backend.modes.run import Run, Sampled, conduct, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Span, make_noise, origin
from backend.modes.watching import Shown
from backend.pictures import canvas
from backend.pictures.canvas import Canvas
from backend.pictures.fit import fit
from backend.sampling import guidance
from backend.sampling.types import Denoiser

SOURCE, CONTROL = "image", "control_image"


def run(request: Task[StyleTransferSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `StyleTransferSettings`, its ControlNet named; pictures "image"
            (the source) and "control_image" (used directly, without the detector).
        context: The job's surroundings.

    Yields:
        One `Output` a picture, in the order of the seeds; its record's extra holds "obedience"
        where the control shows edges, and its views "control" and "obedience".
    """
    settings = request.settings
    picture = _canvas(request, SOURCE) if settings.starts_from_picture else None
    uses = _uses(request, picture)
    judge = _Judge.of(settings, uses[0][1], CONTROL in request.images)
    needs = Needs.of(settings, *(use.name for use, _ in uses))
    for output in conduct(needs, context, partial(_drawn, request, context, picture, uses)):
        yield judge.judged(output)


def _drawn(
    request: Task[StyleTransferSettings],
    context: Context,
    picture: Canvas | None,
    uses: Sequence[tuple[ControlUse, Pixels]],
    held: Held,
) -> Iterator[Output]:
    settings, nets = request.settings, held.controlnets
    context.report(Progress("encoding"))
    hints = [net.hint(seen) for net, (_, seen) in zip(nets, uses, strict=True)]

    def base(now: Settings, span: Span, channels: torch.Tensor | None) -> BaseDenoiser:
        assert isinstance(now, StyleTransferSettings)
        controls = [
            Control(net, hint, use.weight if now.controls else now.control_scale, now.control_mode,
                    guidance.sigma_range(span.schedule, use.start, use.end, span.first))
            for net, hint, (use, _) in zip(nets, hints, uses, strict=True)
        ]  # fmt: skip
        return controlled(held.model.network, controls, channels)

    whole = all(use.start <= 0 and use.end >= 1 for use, _ in uses)
    guide, stage = Guide(base, whole), stage_of(settings, held.model, context)
    if picture is None:
        drawn = _from_noise(request, stage, guide)
    else:
        drawn = img2img.drawn(request, picture, stage, guide)
    facts = {
        "controlnets": {net.name: net.hash for net in nets},
        **record.input_facts(request.images),
    }
    for output in drawn:
        told = replace(output.record, extra=output.record.extra | facts)
        yield replace(output, record=told)


def _from_noise(
    request: Task[StyleTransferSettings], stage: Stage[StyleTransferSettings], guide: Guide
) -> Iterator[Output]:
    """txt2img under the ControlNets."""
    settings, model, context = stage.settings, stage.model, stage.context
    noise = make_noise(settings, model)
    begin = origin(request.branch, stage, noise)
    mix = mix_of(stage)

    def make(now: Stage[StyleTransferSettings]) -> Denoiser:
        base = guide.base(now.settings, begin.span, None)
        return make_denoiser(now, begin.span, mix.text_key, base=base, mix=mix)

    live = Live(stage, begin, mix, make)

    def walk() -> Sampled:
        return Sampled.of(settings, live.made(), begin, noise)

    watch = Shown(stage, begin.counted, begin.before)
    latents = drive(Run(walk, watch, (mix,), begin.skipped, live.follow))
    context.report(Progress("decoding"))
    facts: dict[str, object] = {"lora_hashes": mix.hashes} if settings.lora_uses else {}
    yield from record.outputs(stage, latents, facts)


def fitted(request: Task[StyleTransferSettings], name: str) -> Pixels | None:
    """A picture of the request at the exact size that is drawn; None where there is none."""
    settings = request.settings
    image = request.images.get(name)
    if image is None:
        return None
    assert settings.width is not None
    assert settings.height is not None
    return fit(image, settings.width, settings.height, settings.resize_mode).image


def _canvas(request: Task[StyleTransferSettings], name: str) -> Canvas:
    """A picture of the request as img2img prepares it: masked, cropped to what is drawn."""
    return canvas.prepare(request.settings, request.images[name], request.images.get("mask"))


def _seen(request: Task[StyleTransferSettings], name: str) -> Pixels | None:
    """A picture of the request as the model draws over it; None where there is none."""
    if name in request.images and request.settings.only_masked:
        return _canvas(request, name).bare
    return fitted(request, name)


def _uses(
    request: Task[StyleTransferSettings], picture: Canvas | None
) -> list[tuple[ControlUse, Pixels]]:
    """The ControlNets of a request with their control pictures."""
    settings = request.settings
    if settings.controls:
        pictures = {use.image: _seen(request, use.image) for use in settings.controls}
        return [
            (use, _detected(settings, use.detector, seen))
            for use in settings.controls
            if (seen := pictures[use.image]) is not None
        ]
    control = _seen(request, CONTROL)
    if control is None:
        source = fitted(request, SOURCE) if picture is None else picture.bare
        assert source is not None, "`missing_picture` has seen it"
        control = _detected(settings, settings.detector, source)
    assert settings.controlnet is not None, "the engine has resolved it"
    use = ControlUse(
        name=settings.controlnet,
        image=CONTROL,
        weight=settings.control_scale,
        start=settings.control_start,
        end=settings.control_end,
    )
    return [(use, control)]


def _detected(settings: StyleTransferSettings, detector: DetectorName, picture: Pixels) -> Pixels:
    low, high = settings.canny_low, settings.canny_high
    return registry.build(detector, canny_low=low, canny_high=high)(picture)


@dataclass(frozen=True, eq=False)
class _Judge:
    """Measures how well the control's edges were kept, where it has edges at all."""

    control: Pixels
    scale: float
    measures: bool
    canny: Canny | None

    @classmethod
    def of(cls, settings: StyleTransferSettings, control: Pixels, direct: bool) -> _Judge:
        """The judge of a run; `direct` says that the control came without the detector."""
        # Of a part that is drawn alone, the control shows that part alone.
        alike = not settings.controls and not settings.only_masked
        measures = alike and registry.entry(settings.detector).edges
        own = settings.detector == "canny" and not direct
        canny = Canny(settings.canny_low, settings.canny_high) if own else None
        return cls(control, settings.control_scale, measures, canny)

    def judged(self, output: Output) -> Output:
        """The output with its measures, suggestions and views."""
        extra = output.record.extra
        views = {**output.views, "control": self.control}
        if self.measures:
            found = obedience.measure(self.control, output.image, self.canny)
            extra = extra | {
                "obedience": {
                    "recall": round(found.recall, 4),
                    "precision": round(found.precision, 4),
                    "f1": round(found.f1, 4),
                    "density": round(found.density, 4),
                    "suggestions": [
                        {"sentence": advice.sentence, "changes": advice.changes}
                        for advice in suggest(found, self.scale, self.canny)
                    ],
                }
            }
            views["obedience"] = obedience.overlay(found, output.image)
        return replace(output, record=replace(output.record, extra=extra), views=views)


MODE = PictureMode(StyleTransferSettings, run)

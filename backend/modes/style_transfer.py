"""A new picture on the edges of another: detector -> ControlNet under the one loop -> obedience."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from backend.control import obedience, registry
from backend.control.canny import Canny
from backend.control.suggestions import suggest
from backend.errors import BadInput
from backend.events import Output, Pixels, Progress
from backend.models import controlnet
from backend.models.loading import Checkpoint
from backend.modes import parts
from backend.modes.context import Context
from backend.modes.controls import Control, controlled
from backend.modes.img2img import START_DRAW, first_step
from backend.modes.mixing import mixed
from backend.pictures.fit import fit
from backend.requests import Request
from backend.sampling import guidance
from backend.sampling.samplers import sample
from backend.sampling.types import NoiseSource, Schedule
from backend.settings import ControlUse, StyleTransferSettings

SOURCE, CONTROL = "image", "control_image"


def check(request: Request) -> None:
    """Refuses what cannot run, before the job waits its turn.

    Raises:
        BadInput: Something is asked for that only img2img does.
    """
    settings = _settings(request)
    if "mask" in request.images or settings.only_masked or settings.outpaints:
        raise BadInput(
            "Style transfer draws the whole picture anew; to paint a part of it or to extend it, "
            "use img2img.", "mask",
        )
    if settings.strengths:
        raise BadInput(
            "Style transfer takes one strength; the ladder of strengths is part of img2img.",
            "strengths",
        )


def run(request: Request, context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `StyleTransferSettings`, its ControlNet named; pictures "image"
            (the source) and "control_image" (used directly, without the detector).
        context: The job's surroundings.

    Yields:
        One `Output` a picture, in the order of the seeds; its record's extra holds "obedience"
        where the control shows edges, and its views "control" and "obedience".
    """
    settings = _settings(request)
    source = fitted(request, SOURCE)
    context.report(Progress("loading", note=f"Loading {settings.model}"))
    with ExitStack() as leases:
        model = leases.enter_context(context.models.lease(settings.model))
        context.report(Progress("encoding"))
        schedule = parts.make_schedule(settings, model)
        noise = parts.make_noise(
            settings, model, START_DRAW if settings.starts_from_picture else 0
        )
        origin = _origin(request, context, model, schedule, noise, source)
        first = origin.before[0].index if origin.resume is not None else origin.start
        uses = _uses(request, source)
        controls: list[Control] = []
        for use, picture in uses:
            net = leases.enter_context(controlnet.lease(context.models, use.name))
            levels = guidance.sigma_range(schedule, use.start, use.end, first)
            hint = net.hint(picture)
            controls.append(Control(net, hint, use.weight, settings.control_mode, levels))
        x = origin.x
        with mixed(settings, model, context) as mix:
            denoiser = parts.make_denoiser(
                settings, model, origin.schedule, context.check, mix.text_key,
                base=controlled(model.unet, controls),
                first=first,
            )
            context.steps.begin(settings, model.previewer, first)
            for stored in origin.before:
                context.steps.replay(stored)
            mix.at(origin.first)
            for step in sample(
                settings.sampler, denoiser, x, origin.schedule, noise, eta=settings.eta,
                start=origin.start, resume=origin.resume,
            ):
                context.steps.step(step)
                x = step.x
                mix.at(step.index + 1)
        context.report(Progress("decoding"))
        facts: dict[str, Any] = {
            "controlnets": {control.net.name: control.net.hash for control in controls}
        }
        if settings.loras:
            facts["lora_hashes"] = mix.hashes
        judge = _Judge.of(settings, uses[0][1], CONTROL in request.images)
        latents = x * origin.schedule.final_scale
        for output in parts.outputs(settings, model, latents, context, facts):
            yield judge.judged(output)


def fitted(request: Request, name: str) -> Pixels | None:
    """A picture of the request at the exact size that is drawn; None where there is none."""
    settings = _settings(request)
    image = request.images.get(name)
    if image is None:
        return None
    assert settings.width is not None
    assert settings.height is not None
    return fit(image, settings.width, settings.height, settings.resize_mode).image


def _settings(request: Request) -> StyleTransferSettings:
    assert isinstance(request.settings, StyleTransferSettings)
    return request.settings


def _uses(request: Request, source: Pixels | None) -> list[tuple[ControlUse, Pixels]]:
    """The ControlNets of a request with their control pictures."""
    settings = _settings(request)
    if settings.controls:
        pictures = {use.image: fitted(request, use.image) for use in settings.controls}
        return [
            (use, picture) for use in settings.controls
            if (picture := pictures[use.image]) is not None
        ]
    control = fitted(request, CONTROL)
    if control is None:
        assert source is not None, "`check` has seen it"
        detector = registry.build(
            settings.detector, canny_low=settings.canny_low, canny_high=settings.canny_high
        )
        control = detector(source)
    assert settings.controlnet is not None, "the engine has resolved it"
    use = ControlUse(
        name=settings.controlnet, image=CONTROL, weight=settings.control_scale,
        start=settings.control_start, end=settings.control_end,
    )
    return [(use, control)]


def _origin(
    request: Request, context: Context, model: Checkpoint, schedule: Schedule, noise: NoiseSource,
    source: Pixels | None,
) -> parts.Origin:
    settings = _settings(request)
    if request.branch is not None or not settings.starts_from_picture:
        return parts.origin(request, context, model, schedule, noise)
    assert source is not None, "`check` has seen it"
    mean, std = context.posteriors.encode(model, source, context.check)
    # The order of diffusers: the sample of the posterior is drawn before the noise.
    latents = mean + std * noise.draw()
    start = first_step(settings, settings.strength, schedule)
    return parts.Origin(schedule, latents + schedule.levels[start] * noise.draw(), start=start)


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
        measures = not settings.controls and registry.entry(settings.detector).edges
        own = settings.detector == "canny" and not direct
        canny = Canny(settings.canny_low, settings.canny_high) if own else None
        return cls(control, settings.control_scale, measures, canny)

    def judged(self, output: Output) -> Output:
        """The output with its measures, suggestions and views."""
        extra = output.record.extra
        views = {"control": self.control}
        if self.measures:
            found = obedience.measure(self.control, output.image, self.canny)
            extra = extra | {"obedience": {
                "recall": round(found.recall, 4), "precision": round(found.precision, 4),
                "f1": round(found.f1, 4), "density": round(found.density, 4),
                "suggestions": [
                    {"sentence": advice.sentence, "changes": advice.changes}
                    for advice in suggest(found, self.scale, self.canny)
                ],
            }}
            views["obedience"] = obedience.overlay(found, output.image)
        record = replace(output.record, extra=extra)
        return replace(output, record=record, views=views)

"""Whether a model can do what is asked of it; what it cannot is refused by a sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from backend.contracts.capabilities import no_denoiser, no_enlarger, sentence
from backend.contracts.conditions import conditions_of, paired, parts
from backend.contracts.errors import BadInput
from backend.contracts.fields import described
from backend.contracts.keyframes import tracks_of
from backend.contracts.library import ModelEntry
from backend.contracts.settings import (
    ClipSettings,
    Img2ImgSettings,
    MorphSettings,
    Settings,
    UpscaleSettings,
)
from backend.contracts.settings.regions import RegionFields, loras_of_regions
from backend.contracts.settings.train_lora import TrainLoraSettings
from backend.contracts.settings.upscale import MOST_PX


def check(settings: Settings, pictures: Collection[str], model: ModelEntry) -> None:
    """Refuses what the model cannot do.

    Args:
        settings: Complete ones, of one run.
        pictures: Names of those that come with them.
        model: The model that they name.

    Raises:
        BadInput: Says what to change, and names the field.
    """
    unsuited = no_enlarger(settings.mode, model.can, model.name) or no_denoiser(
        settings.mode, model.can, model.name
    )
    if unsuited is not None:
        raise BadInput(unsuited, "model")
    for capability, field in _asked(settings, pictures):
        said = sentence(capability, model.can, model.name)
        if said is not None:
            raise BadInput(said, field)
    classes = model.can.classes
    if 0 < classes <= settings.class_label:
        raise BadInput(
            f"'{model.name}' knows the classes 0 to {classes - 1}; {settings.class_label} is none.",
            "class_label",
        )
    _check_parts(settings, model)
    _check_size(settings, model)


def check_training(settings: TrainLoraSettings, model: ModelEntry) -> None:
    """Refuses a training that the model is not made for.

    Raises:
        BadInput: Says what to change, and names the field.
    """
    if not model.can.from_noise:
        raise BadInput(
            f"'{model.name}' is an inpainting model; choose another to train on.", "model"
        )
    said = sentence("training", model.can, model.name)
    if said is not None:
        raise BadInput(said, "model")
    _check_side("resolution", settings.resolution, model)


def _asked(settings: Settings, pictures: Collection[str]) -> Iterator[tuple[str, str]]:
    """What is needed, and the field that asks for it."""
    for needed in settings.needs:
        yield needed, "model"
    known = type(settings).model_fields
    for field, told in described(type(settings)).items():
        if told.needs and getattr(settings, field) != known[field].get_default():
            yield told.needs, field
    if (settings.guidance_scale or 0) > 1:
        yield "guidance", "guidance_scale"
    if "mask" in pictures:
        yield "mask", "model"
    if loras_of_regions(settings):
        yield "lora", "regions"
    if isinstance(settings, RegionFields) and settings.region_by == "attention":
        yield "attention", "region_by"
    match settings:
        case Img2ImgSettings() if settings.start_noise == "inverted":
            yield "inversion", "start_noise"
        case MorphSettings() if settings.method != "walk":
            yield "inversion", "method"
            yield "attention", "method"
        case ClipSettings():
            if settings.control:
                yield "controlnet", "control"
            if settings.attend != "off":
                yield "attention", "attend"
            if any(track.name == "guidance_scale" for track in tracks_of(settings.keyframes)):
                yield "guidance", "keyframes"
            if settings.start_noise == "inverted":
                yield "inversion", "start_noise"
        case _:
            return


def _check_parts(settings: Settings, model: ModelEntry) -> None:
    """Prompts that AND joins: what may hold several, and what draws them."""
    match settings:
        case MorphSettings():
            for field in ("prompt", "prompt_a", "prompt_b", "prompt_c", "prompt_d"):
                if parts(getattr(settings, field)) > 1:
                    raise BadInput(
                        "A morph goes from one prompt to the next; take AND out of this one.", field
                    )
        case Img2ImgSettings() if parts(settings.source_prompt) > 1:
            raise BadInput(
                "The source prompt says what the picture shows, as one; take AND out of it.",
                "source_prompt",
            )
        case _:
            pass
    second = settings.prompt_b if settings.prompt_mix > 0 else ""
    ours, theirs = conditions_of(settings.prompt), conditions_of(second)
    if len(ours) == len(theirs) == 1:
        return
    if model.can.guidance != "cfg":
        raise BadInput(
            f"'{model.name}' has no guidance, by which AND joins prompts; join them by commas.",
            "prompt",
        )
    if "[" not in settings.prompt + second:  # else their parts are those of a step
        paired(ours, theirs)


def _check_size(settings: Settings, model: ModelEntry) -> None:
    if isinstance(settings, UpscaleSettings):  # as a second stage, it may draw beyond the model's
        model = replace(model, sizes=replace(model.sizes, most_px=MOST_PX))
    _check_side("width", settings.width, model)
    _check_side("height", settings.height, model)
    sizes = model.sizes
    width, height = settings.drawn_size
    grows = [name for name in _growth(settings) if getattr(settings, name)]
    if grows and max(width, height) > sizes.most_px:
        raise BadInput(
            f"The picture would grow to {width} x {height} px, and '{model.name}' draws up to "
            f"{sizes.most_px} px a side; let it grow by less.",
            grows[0],
        )
    if width % sizes.step_px or height % sizes.step_px:
        growing = [name for name in grows if getattr(settings, name) % sizes.step_px]
        what = f"change '{growing[0]}'" if growing else "change the size, or what enlarges it"
        raise BadInput(
            f"The picture would be {width}x{height} px, and '{model.name}' draws multiples of "
            f"{sizes.step_px} px; {what}.",
            growing[0] if growing else "width",
        )


def _growth(settings: Settings) -> Iterator[str]:
    """The settings that extend a picture."""
    return (name for name in type(settings).model_fields if name.startswith("outpaint_"))


def _check_side(field: str, side_px: int | None, model: ModelEntry) -> None:
    sizes = model.sizes
    if side_px is None or sizes.holds(side_px):
        return
    steps = f" in steps of {sizes.step_px} px" if sizes.step_px > 1 else ""
    raise BadInput(
        f"'{model.name}' draws sides from {sizes.least_px} to {sizes.most_px} px{steps}; {side_px} "
        f"is none of them, so change the {field}.",
        field,
    )

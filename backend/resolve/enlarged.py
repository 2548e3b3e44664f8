"""The size that a picture is brought to, and what enlarges it."""

from __future__ import annotations

from backend.contracts.capabilities import sentence
from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.library import Library, ModelEntry, unknown
from backend.contracts.requests import Request
from backend.contracts.settings import Settings, Txt2ImgSettings, UpscaleSettings
from backend.contracts.settings.enlarging import OWN
from backend.contracts.settings.hires import LATENT
from backend.contracts.settings.upscale import LANCZOS, MOST_PX, UNDIFFUSED
from backend.resolve import names


def sized(settings: Settings, request: Request, library: Library) -> Settings:
    """Upscale's settings with the size that they come to; all else as it is.

    Raises:
        BadInput: The result would be too large, or the model cannot draw it again.
    """
    if not isinstance(settings, UpscaleSettings):
        return settings
    grid_px = _grid_px(settings, library) if settings.redraws else 1
    source_height, source_width = request.images["image"].shape[:2]
    settings = settings.enlarging(source_width, source_height, grid_px)
    width, height = settings.drawn_size
    if max(width, height) > MOST_PX:
        most = MOST_PX / max(source_width, source_height)
        raise BadInput(
            f"The picture would be {width}x{height} px, and {MOST_PX} px are the most here; a "
            f"factor up to {int(most * 4) / 4:g} would fit.",
            "factor",
        )
    _check_shown(settings, (source_width, source_height), library)
    return settings


def recommended(settings: Settings, library: Library) -> Settings:
    """Upscale's settings with what a diffusion upscaler recommends; all else as it is.

    Without such an upscaler its settings say nothing.

    Raises:
        BadInput: It does not take what is asked of it.
    """
    if not isinstance(settings, UpscaleSettings):
        return settings
    model = _diffusing(settings.upscaler, library)
    if model is None or model.can.enlarges is None:
        return settings.model_copy(update=UNDIFFUSED)
    can, level = model.can.enlarges, settings.noise_level
    if level > can.most_noise:
        raise BadInput(
            f"'{model.name}' takes a noise level from 0 to {can.most_noise}, not {level}.",
            "noise_level",
        )
    guidance = settings.upscaler_guidance
    unguided = sentence("guidance", model.can, model.name)
    if guidance > 1 and unguided is not None:
        raise BadInput(unguided, "upscaler_guidance")
    return settings.model_copy(
        update={
            "noise_level": can.noise_level if level == OWN else level,
            "upscaler_steps": settings.upscaler_steps or model.can.steps or settings.steps,
            "upscaler_guidance": 1.0 if unguided else guidance or model.guidance_scale,
        }
    )


def _diffusing(name: str, library: Library) -> ModelEntry | None:
    """The checkpoint of that name that enlarges; a one-pass upscaler's name comes first."""
    if name == LANCZOS or any(entry.name == name for entry in library.upscalers):
        return None
    found = library.model(name)
    return None if found is None or found.can.enlarges is None else found


def _check_shown(settings: UpscaleSettings, source_px: tuple[int, int], library: Library) -> None:
    """Refuses a picture that is too small for a diffusion upscaler."""
    model = _diffusing(settings.upscaler, library)
    if model is None or model.can.enlarges is None:
        return
    can = model.can.enlarges
    shown = can.shown_px(source_px, settings.drawn_size, model.sizes, MOST_PX)
    if min(shown) * can.factor < model.sizes.least_px:
        raise BadInput(
            f"'{model.name}' draws at least {model.sizes.least_px} px a side: it takes pictures "
            f"from {model.sizes.least_px // can.factor} px, and this one has {min(source_px)} px; "
            "choose another upscaler.",
            "image",
        )


def _grid_px(settings: UpscaleSettings, library: Library) -> int:
    model = names.model(library, settings.model)
    if model.can.enlarges is not None:
        raise BadInput(
            f"'{model.name}' draws no enlarged picture again: choose it as the upscaler, and a "
            "model that draws whole pictures here, or a strength of 0.",
            "model",
        )
    return model.sizes.step_px


def hires_ways(library: Library) -> tuple[str, ...]:
    """What hires fix may enlarge by."""
    usable = (entry.name for entry in library.upscalers if entry.problem is None)
    return (LATENT, LANCZOS, *usable)


def check(settings: Settings, library: Library) -> None:
    """Refuses an upscaler that is not there.

    Raises:
        UnknownName: Near names are told.
        ModelProblem: It is there and cannot be used.
    """
    match settings:
        case UpscaleSettings():
            found = _diffusing(settings.upscaler, library)
            if found is None:
                _known(settings.upscaler, (LANCZOS,), "upscaler", library)
            else:
                names.model(library, found.name)
        case Txt2ImgSettings() if settings.hires:
            _known(settings.hires_upscaler, (LATENT, LANCZOS), "hires_upscaler", library)
        case _:
            return


def _known(name: str, own: tuple[str, ...], field: str, library: Library) -> None:
    if name in own:
        return
    found = next((entry for entry in library.upscalers if entry.name == name), None)
    if found is None:
        there = (*own, *(entry.name for entry in library.upscalers), *_enlargers(field, library))
        raise unknown("upscaler", name, there, field)
    if found.problem is not None:
        raise ModelProblem(f"The upscaler '{name}' cannot be used. {found.problem}")


def _enlargers(field: str, library: Library) -> list[str]:
    """Checkpoints that may stand there too."""
    if field != "upscaler":
        return []
    return [entry.name for entry in library.models if entry.can.enlarges is not None]

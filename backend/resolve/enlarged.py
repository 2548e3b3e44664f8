"""The size that a picture is brought to, and what enlarges it."""

from __future__ import annotations

from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.library import Library, unknown
from backend.contracts.requests import Request
from backend.contracts.settings import Settings, Txt2ImgSettings, UpscaleSettings
from backend.contracts.settings.hires import LATENT
from backend.contracts.settings.upscale import LANCZOS, MOST_PX
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
    return settings


def _grid_px(settings: UpscaleSettings, library: Library) -> int:
    model = names.model(library, settings.model)
    if model.can.enlarges is not None:
        raise BadInput(
            f"'{model.name}' draws no enlarged picture again; choose a model that draws whole "
            "pictures, or a noise level of 0.",
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
            _known(settings.upscaler, (LANCZOS,), "upscaler", library)
        case Txt2ImgSettings() if settings.hires:
            _known(settings.hires_upscaler, (LATENT, LANCZOS), "hires_upscaler", library)
        case _:
            return


def _known(name: str, own: tuple[str, ...], field: str, library: Library) -> None:
    if name in own:
        return
    found = next((entry for entry in library.upscalers if entry.name == name), None)
    if found is None:
        there = (*own, *(entry.name for entry in library.upscalers))
        raise unknown("upscaler", name, there, field)
    if found.problem is not None:
        raise ModelProblem(f"The upscaler '{name}' cannot be used. {found.problem}")

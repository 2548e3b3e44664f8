"""A cascade's further stages: named, completed by what their models recommend, of fitting size."""

from __future__ import annotations

from backend.contracts.capabilities import sentence
from backend.contracts.errors import BadInput
from backend.contracts.library import Library, ModelEntry
from backend.contracts.settings import Settings, Txt2ImgSettings
from backend.contracts.settings.cascade import StageUse
from backend.contracts.settings.enlarging import OWN
from backend.contracts.settings.time_steps import listed
from backend.contracts.settings.upscale import MOST_PX
from backend.resolve import names

FIELD = "stages"


def recommended(settings: Settings, library: Library) -> Settings:
    """The settings with each stage that is on complete; those that are off stay as they are.

    Raises:
        UnknownName: There is no model of that name.
        ModelProblem: It is there and cannot be used.
        BadInput: It enlarges nothing, or does not take what is asked of it.
    """
    if not isinstance(settings, Txt2ImgSettings) or not settings.later:
        return settings
    rows = tuple(_complete(row, library) if row.on else row for row in settings.stages)
    return settings.model_copy(update={"stages": rows})


def check(settings: Settings, library: Library) -> None:
    """Refuses stages whose pictures are of no size that the next one takes.

    Args:
        settings: Complete.
        library: What there is.

    Raises:
        BadInput: Says what would fit.
    """
    if not isinstance(settings, Txt2ImgSettings) or not settings.later:
        return
    width, height = settings.first_stage.drawn_size
    for row in settings.later:
        model = names.model(library, row.model)
        can = model.can.enlarges
        assert can is not None
        larger = width * row.factor, height * row.factor
        if max(larger) > MOST_PX:
            raise BadInput(
                f"'{row.model}' would draw {larger[0]}x{larger[1]} px, and {MOST_PX} px are the "
                "most here; begin smaller, or switch that stage off.",
                FIELD,
            )
        if can.shown_px((width, height), larger, model.sizes, MOST_PX) != (width, height):
            step = model.sizes.step_px
            raise BadInput(
                f"'{row.model}' draws multiples of {step} px, and {width}x{height} px becomes "
                f"{larger[0]}x{larger[1]} px there; begin with another size.",
                "width",
            )
        width, height = larger


def _complete(row: StageUse, library: Library) -> StageUse:
    model = names.model(library, row.model)
    can = model.can.enlarges
    if can is None:
        raise BadInput(
            f"'{model.name}' enlarges no picture, so it is no further stage of a cascade.", FIELD
        )
    if row.noise_level > can.most_noise:
        raise BadInput(
            f"'{model.name}' takes a noise level from 0 to {can.most_noise}, not "
            f"{row.noise_level}.",
            FIELD,
        )
    _check_sampler(row, model, library)
    unguided = sentence("guidance", model.can, model.name)
    if unguided is not None and (row.guidance_scale or 0) > 1:
        raise BadInput(unguided, FIELD)
    own = model.guidance_scale if row.guidance_scale is None else row.guidance_scale
    return row.model_copy(
        update={
            "model": model.name,
            "steps": row.steps or len(listed(row.time_steps)) or model.can.steps or 50,
            "guidance_scale": 1.0 if unguided else own,
            "noise_level": can.noise_level if row.noise_level == OWN else row.noise_level,
            "sampler": row.sampler or model.can.sampler or "ddim",
            "factor": can.factor,
        }
    )


def _check_sampler(row: StageUse, model: ModelEntry, library: Library) -> None:
    if row.sampler and row.sampler not in library.samplers:
        raise BadInput(
            f"There is no sampler '{row.sampler[:80]}' for '{model.name}'; choose one of: "
            f"{', '.join(library.samplers)}.",
            FIELD,
        )

"""What a mode could not run, said before a job waits its turn."""

from __future__ import annotations

from backend.contracts.errors import BadInput, Fix
from backend.contracts.keyframes import SLIDERS, tracks_of
from backend.contracts.library import Library
from backend.contracts.requests import Request
from backend.contracts.settings import (
    ClipSettings,
    MorphSettings,
    Settings,
    StyleTransferSettings,
)
from backend.contracts.settings.sampler_pair import check_inverts, check_sampler

_SIDES = ("outpaint_left", "outpaint_right", "outpaint_top", "outpaint_bottom")
_FROM_PICTURE = Fix("Start from the picture", {"start_from": "picture"})


def check(settings: Settings, request: Request, library: Library) -> None:
    """Refuses what does not go together with its sampler, its pictures or its branch.

    Args:
        settings: Of one run.
        request: Whose pictures and branch it is run with.
        library: What samplers there are.

    Raises:
        BadInput: Says what to change.
    """
    check_sampler(settings, library.samplers)
    match settings:
        case StyleTransferSettings():
            _style_transfer(settings, request)
        case MorphSettings():
            _morph(settings, request, library)
        case ClipSettings():
            _keyframes(settings)
        case _:
            return


def _style_transfer(settings: StyleTransferSettings, request: Request) -> None:
    if settings.outpaints:
        raise BadInput(
            "Style transfer keeps to the edges that it is shown, and beyond the picture there are "
            "none; to extend a picture, use img2img.",
            "outpaint_left",
            Fix("Extend no side", dict.fromkeys(_SIDES, 0)),
        )
    if settings.starts_from_picture:
        return
    if "mask" in request.images or settings.only_masked:
        raise BadInput(
            "A mask keeps the rest of the source picture; set start_from to 'picture' to paint "
            "in it.",
            "start_from",
            _FROM_PICTURE,
        )
    if settings.strengths:
        raise BadInput(
            "A ladder of strengths starts from the source picture; set start_from to 'picture'.",
            "start_from",
            _FROM_PICTURE,
        )


def _keyframes(settings: ClipSettings) -> None:
    """Keyframes of what is not there."""
    loras = {use.name for use in settings.acting_loras}
    for track in tracks_of(settings.keyframes):
        if track.name == "control_scale" and not (settings.control and settings.control_scale > 0):
            raise BadInput(
                "The keyframes move control_scale, and the edges are not kept; set 'control' on "
                "and control_scale above 0.",
                "keyframes",
            )
        if track.name not in SLIDERS and track.name not in loras:
            raise BadInput(
                f"The keyframes name '{track.name[:80]}', which is no LoRA of this clip; add its "
                f"row, or name one of: {', '.join((*SLIDERS, *sorted(loras)))}.",
                "keyframes",
            )


def _morph(settings: MorphSettings, request: Request, library: Library) -> None:
    if request.branch is not None:
        raise BadInput("A morph cannot be branched; change its settings and run it again.")
    if settings.method == "walk":
        return
    try:
        check_inverts(library.samplers[settings.sampler], library.samplers)
    except BadInput as error:
        said = str(error).removesuffix(".")
        raise BadInput(f"{said}, or take the method 'walk'.", error.field, error.fix) from None

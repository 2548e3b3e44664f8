"""What a mode could not run, said before a job waits its turn."""

from __future__ import annotations

from backend.contracts.errors import BadInput
from backend.contracts.requests import Request
from backend.contracts.settings import MorphSettings, Settings, StyleTransferSettings


def check(settings: Settings, request: Request) -> None:
    """Refuses what does not go together with the pictures or the branch of a request.

    Args:
        settings: Of one run.
        request: Whose pictures and branch it is run with.

    Raises:
        BadInput: Says what to change.
    """
    match settings:
        case StyleTransferSettings():
            _style_transfer(settings, request)
        case MorphSettings():
            _morph(settings, request)
        case _:
            return


def _style_transfer(settings: StyleTransferSettings, request: Request) -> None:
    if settings.outpaints:
        raise BadInput(
            "Style transfer keeps to the edges that it is shown, and beyond the picture there are "
            "none; to extend a picture, use img2img.",
            "outpaint_left",
        )
    if settings.starts_from_picture:
        return
    if "mask" in request.images or settings.only_masked:
        raise BadInput(
            "A mask keeps the rest of the source picture; set start_from to 'picture' to paint "
            "in it.",
            "start_from",
        )
    if settings.strengths:
        raise BadInput(
            "A ladder of strengths starts from the source picture; set start_from to 'picture'.",
            "start_from",
        )


def _morph(settings: MorphSettings, request: Request) -> None:
    if request.branch is not None:
        raise BadInput("A morph cannot be branched; change its settings and run it again.")
    if settings.method != "walk" and settings.sampler != "ddim":
        raise BadInput(
            "Pictures are inverted by DDIM; set the sampler to 'ddim', or take the method 'walk'.",
            "sampler",
        )

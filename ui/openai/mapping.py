"""From the payloads of `/v1/images` to our requests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.events import Pixels
from backend.contracts.library import Library, ModelEntry
from backend.contracts.requests import Request
from backend.contracts.settings import Settings, parse
from backend.pictures.decode import decode, decode_holes
from ui.openai.payloads import Asked, Edit, Generation, Prompted, Variation

EDIT_STRENGTH, VARIATION_STRENGTH = 0.75, 0.5
MAX_STEPS = 150
# Of what the model recommends.
_QUALITY = {"low": 0.5, "high": 2.0, "hd": 2.0}


@dataclass(frozen=True)
class Sent:
    """A picture that came with a request.

    Attributes:
        field: Its name in the form.
        data: The file's bytes.
    """

    field: str
    data: bytes


def generation(sent: Generation, library: Library) -> Request:
    """A picture from words.

    Raises:
        BadInput: Names the field at fault.
        UnknownName: There is no such model.
    """
    sent.check()
    card = model_of(sent.model, library)
    values = _shared(sent, card) | _size(sent.pixels or card.native_size, card)
    return Request(parse("txt2img", values), save=False)


def edit(sent: Edit, pictures: Sequence[Sent], mask: Sent | None, library: Library) -> Request:
    """A picture changed: inside the mask, inside its own transparent part, or as a whole."""
    sent.check()
    card = model_of(sent.model, library)
    image = _only(pictures)
    images = {"image": decode(image.data, image.field)}
    holes = None
    if mask is not None:
        holes = decode_holes(mask.data, "mask")
        if holes is None:
            raise BadInput(
                "The mask has no transparent part; what is transparent in it is painted anew.",
                "mask",
            )
    elif not card.can.edits:  # which is told what to change, and finds the place itself
        holes = decode_holes(image.data, image.field)
    if holes is not None:
        images["mask"] = holes
    return _from_picture(sent, images, card, sent.strength or EDIT_STRENGTH)


def variation(sent: Variation, pictures: Sequence[Sent], library: Library) -> Request:
    """Another picture like one, from its noised latents, without words."""
    sent.check()
    card = model_of(sent.model, library)
    image = _only(pictures)
    images = {"image": decode(image.data, image.field)}
    return _from_picture(sent, images, card, sent.strength or VARIATION_STRENGTH)


def apart(request: Request) -> list[Request]:
    """A request for each of its pictures, so that each can be seen coming."""
    settings = request.settings
    count = settings.batch_size
    if count == 1:
        return [request]
    single: Settings = settings.model_copy(update={"batch_size": 1})
    seeds = [settings.image_seed(i) if settings.seed >= 0 else -1 for i in range(count)]
    return [
        Request(single.model_copy(update={"seed": seed}), request.images, save=request.save)
        for seed in seeds
    ]


def model_of(wanted: str | None, library: Library) -> ModelEntry:
    """The model of that name; without one the one that the studio opens on.

    Raises:
        UnknownName: There is none of that name.
    """
    name = wanted or library.default_model
    card = library.model(name)
    if card is None or card.problem is not None:
        known = ", ".join(one.name for one in library.models if one.problem is None)
        raise UnknownName(
            f"The model '{name[:80]}' does not exist here; there are: {known or 'none'}.", "model"
        )
    return card


def _shared(sent: Asked, card: ModelEntry) -> dict[str, Any]:
    values: dict[str, Any] = {
        "model": card.name,
        "negative_prompt": sent.negative_prompt,
        "seed": sent.seed,
        "batch_size": sent.n,
    }
    if isinstance(sent, Prompted):
        values["prompt"] = sent.prompt
        share = _QUALITY.get(sent.quality or "")
        if share is not None:
            usual = card.can.steps or Settings.model_fields["steps"].get_default()
            values["steps"] = min(MAX_STEPS, max(1, round(usual * share)))
        elif card.can.steps:
            values["steps"] = card.can.steps
    if sent.steps is not None:
        values["steps"] = sent.steps
    if sent.guidance_scale is not None:
        values["guidance_scale"] = sent.guidance_scale
    return values


def _from_picture(
    sent: Asked, images: dict[str, Pixels], card: ModelEntry, strength: float
) -> Request:
    height, width = images["image"].shape[:2]
    native = card.native_size[0] * card.native_size[1]
    share = math.sqrt(native / (width * height))
    size = sent.pixels or (round(width * share), round(height * share))
    values = _shared(sent, card) | _size(size, card) | {"strength": strength}
    return Request(parse("img2img", values), images, save=False)


def _size(size_px: tuple[int, int], card: ModelEntry) -> dict[str, int]:
    """Sides rounded up to the model's grid."""
    step, least = card.sizes.step_px, card.sizes.least_px
    width, height = (max(least, -(-side // step) * step) for side in size_px)
    return {"width": width, "height": height}


def _only(pictures: Sequence[Sent]) -> Sent:
    if len(pictures) != 1:
        said = "no picture" if not pictures else f"{len(pictures)} pictures"
        raise BadInput(f"The request brings {said}; send one as 'image'.", "image")
    return pictures[0]

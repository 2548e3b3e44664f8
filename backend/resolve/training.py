"""A training and the library -> a training whose settings are complete."""

from __future__ import annotations

from dataclasses import replace

from backend.contracts.errors import BadInput
from backend.contracts.library import Library
from backend.contracts.requests import TrainLoraRequest
from backend.contracts.settings.train_lora import MAX_PICTURES
from backend.resolve import able, names


def resolve_training(request: TrainLoraRequest, library: Library) -> TrainLoraRequest:
    """Fills in the preset and the model's size.

    Raises:
        BadInput: The model is unknown, or there are no pictures, or too many.
    """
    model = names.model(library, request.settings.model)
    count = len(request.pictures)
    if not count:
        raise BadInput("There are no pictures to learn from; add at least one.", "pictures")
    if count > MAX_PICTURES:
        raise BadInput(f"{count} pictures are too many; choose up to {MAX_PICTURES}.", "pictures")
    settings = request.settings.model_copy(update={"model": model.name})
    settings = settings.resolved(min(model.native_size))
    able.check_training(settings, model)
    return replace(request, settings=settings)

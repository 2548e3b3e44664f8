"""A prompt as the model's text encoder reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

import numpy as np
import torch

from backend.contracts.errors import BadInput
from backend.contracts.events import Output, Pixels
from backend.contracts.lab.words import MOST_ALIKE, Read, ReadToken, WordsSettings
from backend.models.checkpoint import Checkpoint
from backend.models.tensors import numbers
from backend.models.text.clip import TextEncoder
from backend.models.text.tokens import ReadByClip, likeness, tokens_of
from backend.modes.context import Context
from backend.modes.leasing import Held, Needs
from backend.modes.mode import PictureMode, Task
from backend.modes.record import recorded
from backend.modes.run import conduct

CELL_PX = 12


def run(request: Task[WordsSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `WordsSettings`.
        context: The job's surroundings.

    Yields:
        The likeness of the tokens as a picture, a square for each two.
    """
    needs = Needs.of(request.settings)
    yield from conduct(needs, context, partial(_read, request, context))


def reader_of(model: Checkpoint) -> TextEncoder:
    """The encoder whose tokens are shown.

    Raises:
        BadInput: The model's prompts are read otherwise.
    """
    if not isinstance(model.text, ReadByClip):
        raise BadInput(
            f"The prompts of '{model.name}' are not read by CLIP, and other readers' tokens are "
            "not shown here; choose an SD or SDXL model.",
            "model",
        )
    return model.text.clip


def _read(request: Task[WordsSettings], context: Context, held: Held) -> Iterator[Output]:
    settings, model = request.settings, held.model
    encoder = reader_of(model)
    tokens = tokens_of(encoder, settings.prompt)
    told = {one.id: one.text for one in tokens if not one.learned}
    ids = list(told)[:MOST_ALIKE]
    cosines = likeness(encoder, ids) if ids else torch.zeros(0, 0)
    found = Read(
        tuple(ReadToken(t.id, t.text, t.chunk, t.weight, t.ends, t.learned) for t in tokens),
        encoder.chunk_tokens,
        encoder.count_tokens(settings.prompt)[1],
        tuple(told[ident] for ident in ids),
        tuple(tuple(round(value, 3) for value in numbers(row)) for row in cosines),
    )
    context.inform({"lab": asdict(found)})
    yield Output(0, squares(cosines), recorded(settings, model, {}))


def squares(cosines: torch.Tensor) -> Pixels:
    """(n, n) in -1..1 -> a grey square each, white where two are one; at least one."""
    levels = ((cosines.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    shown = levels if levels.size else np.zeros((1, 1), np.uint8)
    large = shown.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)
    return np.ascontiguousarray(large[..., None].repeat(3, axis=-1))


MODE = PictureMode(WordsSettings, run)

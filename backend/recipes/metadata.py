"""Recipes in pictures: PNGs that carry their record, and what other tools' pictures tell.

Two PNG text chunks are written: `parameters` for the field's other tools, and `latent-loom`, our
settings as JSON, which is exact and is preferred when reading.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from PIL import Image, PngImagePlugin

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels, Record
from backend.recipes.a1111 import TOOL, parameters_text, parse_parameters
from backend.recipes.draft import Parsed
from backend.recipes.readers import READERS
from backend.recipes.texts import OWN_KEY, texts_of
from backend.resolve import documents

MAX_FILE_BYTES = 64 * 1024 * 1024
_NOTHING = "This picture carries no settings that can be read."


@dataclass(frozen=True)
class ReadRecord:
    """What a picture says about how it was made.

    Attributes:
        mode: A key of `settings.MODES`.
        settings: Fields of that mode, together valid; absent where the picture does not say.
            Whether the model and the LoRAs are at hand is for the caller to see.
        notes: One sentence for each thing that could not be mapped.
        source: "latent-loom" for our own JSON, "parameters" for what other tools write.
        model: {"name", "hash"} as far as given.
        extra: Further facts of our own records; of others the hashes that they give, under our
            names, and "unread", what has no counterpart here.
        tool: Whose record it is.
    """

    mode: str
    settings: dict[str, Any]
    notes: tuple[str, ...]
    source: Literal["latent-loom", "parameters"]
    model: dict[str, str] = field(default_factory=dict[str, str])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    tool: str = "Latent Loom"


def document_of(record: Record) -> dict[str, Any]:
    """A record as the document that pictures carry, of JSON values."""
    return documents.made_of(record.mode, record.settings, model=record.model, extra=record.extra)


def write_png(image: Pixels, record: Record) -> bytes:
    """A PNG of `image`, (H, W, 3) uint8 RGB, that carries its record."""
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", parameters_text(record))
    info.add_text(OWN_KEY, json.dumps(document_of(record), allow_nan=False))
    buffer = io.BytesIO()
    # Level 4 is a third faster than the default and hardly larger.
    Image.fromarray(image).save(buffer, "png", pnginfo=info, compress_level=4)
    return buffer.getvalue()


def read(data: bytes, *, hidden: bool = True) -> ReadRecord:
    """Reads the recipe from the bytes of a picture.

    Args:
        data: The file's bytes.
        hidden: Also look into its pixels, where no text tells anything.

    Raises:
        BadInput: It is no picture of a known format, too large, or carries no settings.
    """
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"The file is larger than {MAX_FILE_BYTES // 2**20} MB.")
    return from_texts(texts_of(data, hidden=hidden))


def from_texts(texts: dict[str, str]) -> ReadRecord:
    """Makes a record of a picture's texts, ours before those of other tools.

    Raises:
        BadInput: There are none that can be read.
    """
    notes: tuple[str, ...] = ()
    if OWN_KEY in texts:
        try:
            return _own(texts[OWN_KEY])
        except BadInput as error:
            reason = str(error).rstrip(".")
            notes = (f"The settings of this picture cannot be used: {reason}.",)
    for reader in READERS:
        draft = reader(texts)
        if draft is not None:
            return _foreign(draft.settled(), notes)
    text = texts.get("parameters", "").strip()
    if text and text != "None":  # a picture without settings, as A1111 once wrote it
        return _foreign(parse_parameters(text), notes)
    if notes:
        raise BadInput(notes[0])
    raise BadInput(_NOTHING)


def _foreign(parsed: Parsed, notes: tuple[str, ...]) -> ReadRecord:
    said = (f"Read as a record of {parsed.tool}.",) if parsed.tool != TOOL else ()
    extra = parsed.facts | ({"unread": parsed.unread} if parsed.unread else {})
    return ReadRecord(
        "txt2img",
        parsed.settings,
        notes + said + parsed.notes,
        "parameters",
        parsed.model,
        extra,
        parsed.tool,
    )


def _own(text: str) -> ReadRecord:
    document = documents.read(text, "a record", ("model", "extra"))
    settings, notes = document.valid()
    model, extra = (document.further.get(name, {}) for name in ("model", "extra"))
    if not (isinstance(model, dict) and isinstance(extra, dict)):
        raise BadInput("they are damaged")
    model, extra = cast("dict[str, Any]", model), cast("dict[str, Any]", extra)
    names = {key: str(model[key])[:300] for key in ("name", "hash") if key in model}
    return ReadRecord(document.mode, settings, notes, OWN_KEY, names, extra)

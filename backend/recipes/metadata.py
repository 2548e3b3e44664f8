"""Recipes in pictures: PNGs that carry their record, and what other tools' pictures tell.

Two PNG text chunks are written: `parameters` for the field's other tools, and `latent-loom`, our
settings as JSON, which is exact and is preferred when reading.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image, PngImagePlugin

from backend.contracts import schema
from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels, Record
from backend.contracts.settings import MODES
from backend.recipes.a1111 import TOOL, parameters_text, parse_parameters
from backend.recipes.draft import Parsed
from backend.recipes.readers import READERS
from backend.recipes.texts import OWN_KEY, texts_of
from backend.recipes.usable import large_seeds, usable, with_partner

MAX_FILE_BYTES = 64 * 1024 * 1024
_PAIRED = {"sampler", "schedule", "guidance_start", "guidance_end"}
_NOTHING = "This picture carries no settings that can be read."
_MAX_UNKNOWN = 8


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
        extra: Further facts of our own records; of others "unread", what has no counterpart here.
        tool: Whose record it is.
    """

    mode: str
    settings: dict[str, Any]
    notes: tuple[str, ...]
    source: Literal["latent-loom", "parameters"]
    model: dict[str, str] = field(default_factory=dict[str, str])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    tool: str = "Latent Loom"


def write_png(image: Pixels, record: Record) -> bytes:
    """A PNG of `image`, (H, W, 3) uint8 RGB, that carries its record."""
    document = {
        "schema": schema.SCHEMA,
        "mode": record.mode,
        "settings": record.settings,
        "model": record.model,
        "extra": record.extra,
    }
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", parameters_text(record))
    info.add_text(OWN_KEY, json.dumps(document, allow_nan=False))
    buffer = io.BytesIO()
    # Level 4 is a third faster than the default and hardly larger.
    Image.fromarray(image).save(buffer, "png", pnginfo=info, compress_level=4)
    return buffer.getvalue()


def read(data: bytes) -> ReadRecord:
    """Reads the recipe from the bytes of a picture, without decoding its pixels.

    Raises:
        BadInput: It is no picture of a known format, too large, or carries no settings.
    """
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"The file is larger than {MAX_FILE_BYTES // 2**20} MB.")
    return from_texts(texts_of(data))


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
    extra = {"unread": parsed.unread} if parsed.unread else {}
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
    document = schema.migrate(schema.loads(text))
    mode, values = document.get("mode"), document.get("settings")
    model, extra = document.get("model", {}), document.get("extra", {})
    if not isinstance(mode, str) or mode not in MODES:
        raise BadInput(f"there is no mode '{str(mode)[:80]}' here")
    if not (isinstance(values, dict) and isinstance(model, dict) and isinstance(extra, dict)):
        raise BadInput("they are damaged")
    settings, notes = _usable(mode, values)
    names = {key: str(model[key])[:300] for key in ("name", "hash") if key in model}
    return ReadRecord(mode, settings, notes, OWN_KEY, names, extra)


def _usable(mode: str, values: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Leaves out one field after another until the rest is valid, and says which and why."""
    known = MODES[mode].model_fields
    unknown = [name for name in values if name not in known]
    # All at once: leaving them out one by one would read the whole record once for each.
    left = {name: value for name, value in values.items() if name in known}
    notes = [
        f"There is no setting '{name[:80]}' in {mode}; it is left out."
        for name in unknown[:_MAX_UNKNOWN]
    ]
    if len(unknown) > _MAX_UNKNOWN:
        notes.append(f"{len(unknown) - _MAX_UNKNOWN} more entries are unknown here.")
    while True:
        try:
            usable(mode, left)
        except BadInput as error:
            field_at_fault = error.field or ""
            names = {field_at_fault, *with_partner(field_at_fault.split(".")[0])} & set(left)
            # Without a field it is a pair that does not go together.
            names = names or _PAIRED & set(left)
            if not names:
                raise
            left = {name: value for name, value in left.items() if name not in names}
            notes.append(str(error)[:300])
        else:
            return left, (*notes, *large_seeds(left))

"""Settings that were kept, on their way into a request: one way for all, whatever they lay in.

Presets, records in pictures, links, jobs that outlive a restart and what a browser remembers of a
form are documents: a version, a mode, and settings. Each is brought to the present version here,
and only here, where it is read; everything behind this knows the present one alone.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

from backend.contracts.errors import BadInput, short
from backend.contracts.settings import MODES, Settings
from backend.resolve import migrations
from backend.resolve.usable import large_seeds, usable, with_partner

What = Literal["a preset", "a recipe", "a record", "a form", "a job"]
VERSION = "schema"
_PAIRED = {"sampler", "schedule", "guidance_start", "guidance_end"}
_MAX_UNKNOWN = 8


@dataclass(frozen=True)
class Document:
    """A document of the present version; its settings are not checked yet.

    Attributes:
        mode: As it says; there may be none of that name.
        values: Of its settings, by field.
        further: Its other entries.
    """

    mode: str
    values: dict[str, Any]
    further: dict[str, Any]

    @property
    def settings(self) -> Settings:
        """All of it, or nothing.

        Raises:
            BadInput: Names the first field at fault and says what it accepts.
        """
        return usable(self.mode[:80], self.values)

    def valid(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What of it goes together, and a sentence for each thing that was left out.

        Raises:
            BadInput: There is no such mode, or no field is at fault.
        """
        if self.mode not in MODES:
            raise BadInput(f"there is no mode '{self.mode[:80]}' here")
        known = MODES[self.mode].model_fields
        # All at once: leaving them out one by one would read the whole document once for each.
        left = {name: value for name, value in self.values.items() if name in known}
        notes = _unknown([name for name in self.values if name not in known], self.mode)
        while True:
            try:
                usable(self.mode, left)
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


def made_of(
    mode: str, values: dict[str, Any], *, name: str | None = None, **further: Any
) -> dict[str, Any]:
    """A document of the present version, to be written as JSON.

    Args:
        mode: A key of `settings.MODES`.
        values: Settings as JSON values.
        name: Of a preset.
        further: Its other entries.
    """
    called = {} if name is None else {"name": name}
    return {VERSION: migrations.SCHEMA, **called, "mode": mode, "settings": values, **further}


def read(
    text: bytes | str,
    what: What,
    further: Collection[str] = (),
) -> Document:
    """A document from JSON, brought to the present version.

    Args:
        text: As it lay there.
        what: What it is, for sentences.
        further: What else it may hold; of a record, whatever else it holds is passed over.

    Raises:
        BadInput: It is no document that can be read. The message completes "it cannot be used:".
    """
    return of(loads(text), what, further)


def of(
    content: dict[str, Any],
    what: What,
    further: Collection[str] = (),
) -> Document:
    """`read` for JSON values."""
    content = migrations.migrate(content)
    unknown = sorted(set(content) - {VERSION, "mode", "settings", *further})
    if unknown and what != "a record":
        raise BadInput(f"there is no field '{short(unknown[0])}' in {what}")
    mode, values = content.get("mode"), content.get("settings")
    if not isinstance(mode, str) or not isinstance(values, dict):
        raise BadInput("it needs a mode and settings")
    return Document(
        mode,
        cast("dict[str, Any]", values),
        {name: content[name] for name in further if name in content},
    )


def loads(text: bytes | str) -> dict[str, Any]:
    """Parses a JSON object as strictly as JSON is defined: no NaN, no repeated keys.

    Raises:
        BadInput: It is not a JSON object.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise BadInput("it is not valid JSON") from None
    if not isinstance(value, dict):
        raise BadInput("it is not a JSON object")
    return cast("dict[str, Any]", value)


def _unknown(names: list[str], mode: str) -> list[str]:
    notes = [
        f"There is no setting '{name[:80]}' in {mode}; it is left out."
        for name in names[:_MAX_UNKNOWN]
    ]
    if len(names) > _MAX_UNKNOWN:
        notes.append(f"{len(names) - _MAX_UNKNOWN} more entries are unknown here.")
    return notes


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("repeated key")
    return result

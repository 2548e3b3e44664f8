"""Axes of an X/Y/Z grid: which settings may stand on one, and the values in what a person wrote.

`1-10 [5]` is five numbers from 1 to 10, `1-5 (+2)` is 1, 3, 5, `1-3` is 1, 2, 3; anything else is a
list with commas, in which quotes hold a comma together.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.contracts.errors import BadInput

MAX_VALUES = 64
PROMPT_SR = "prompt_sr"
LORA = "lora:"
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)"
_RANGE = re.compile(
    rf"\s*(?P<first>{_NUMBER})\s*-\s*(?P<last>{_NUMBER})"
    rf"(?:\s*\(\s*(?P<step>{_NUMBER})\s*\)|\s*\[\s*(?P<count>\d+)\s*\])?\s*"
)
_TRUTHS = {
    "true": True,
    "on": True,
    "yes": True,
    "1": True,
    "false": False,
    "off": False,
    "no": False,
    "0": False,
}

Change = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """One value of an axis.

    Attributes:
        label: As it is written beside the grid.
        change: Settings field -> value. `prompt_sr` has a pair (what is searched, what replaces
            it), `lora:NAME` a weight.
    """

    label: str
    change: Change


NO_AXIS = (Mark("", {}),)


def fields_of(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The settings fields that may stand on an axis, out of a settings model's JSON schema.

    Args:
        properties: Field -> JSON schema, as pydantic writes it; `axis` says that a field, such as a
            batch, has no place on one.

    Returns:
        Field -> {"type"} and, for names to choose from, {"enum"}.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, schema in properties.items():
        options: list[Mapping[str, Any]] = list(schema.get("anyOf", ())) or [schema]
        plain = [dict(o) for o in options if o.get("type") not in ("null", "array", "object")]
        if len(plain) == 1 and plain[0].get("type") and schema.get("axis", True):
            found[name] = plain[0]
    return found


def marks(field: str, text: str, fields: Mapping[str, dict[str, Any]]) -> tuple[Mark, ...]:
    """The values of one axis.

    Args:
        field: A key of `fields`, "prompt_sr", "lora:NAME", or "" for no axis.
        text: As a person wrote it.
        fields: From `fields_of`.

    Raises:
        BadInput: Says what cannot be read, and how it is written.
    """
    if not field:
        if text.strip():
            raise BadInput("There are values for an axis, but no setting is chosen for it.")
        return NO_AXIS
    if field == PROMPT_SR:
        words = listed(text)
        if len(words) < 2:
            raise BadInput(
                "Search and replace needs at least two texts with a comma between: "
                "the first is searched for, the others take its place."
            )
        return _bounded(field, [Mark(word, {field: (words[0], word)}) for word in words])
    if field.startswith(LORA):
        name = field.removeprefix(LORA)
        numbers = _numbers(field, text, whole=False)
        return _bounded(field, [Mark(f"{name} {n:g}", {field: n}) for n in numbers])
    if field not in fields:
        known = ", ".join([*fields, PROMPT_SR, "lora:NAME"])
        raise BadInput(f"'{field[:80]}' cannot stand on an axis; choose one of: {known}.")
    schema = fields[field]
    if field.endswith("seed") and any(re.match(r"\s*-\s*\d", s) for s in text.split(",")):
        raise BadInput("On an axis a seed is a number from 0; -1 would draw another one each time.")
    if schema["type"] in ("integer", "number"):
        numbers = _numbers(field, text, whole=schema["type"] == "integer")
        return _bounded(
            field,
            [
                Mark(
                    f"{field.replace('_', ' ')} {n:g}"
                    if n < 1e6
                    else f"{field.replace('_', ' ')} {n}",
                    {field: n},
                )
                for n in numbers
            ],
        )
    return _bounded(field, [_mark(field, word, schema) for word in listed(text)])


def listed(text: str) -> list[str]:
    """The parts of a comma-separated list, over one line or several; quotes keep commas."""
    try:
        rows = list(csv.reader(text.splitlines(), skipinitialspace=True, strict=False))
    except csv.Error:
        raise BadInput(
            "The list of values cannot be read; write them with commas between."
        ) from None
    return [part.strip() for row in rows for part in row if part.strip()]


def key_of(name: str) -> str:
    """A name without case, spaces and marks: `DPM++ 2M` and `dpmpp_2m` are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("+", "p"))


def _mark(field: str, word: str, schema: Mapping[str, Any]) -> Mark:
    name = field.replace("_", " ")
    if schema["type"] == "boolean":
        if word.lower() not in _TRUTHS:
            raise BadInput(f"'{field}' is on or off, not '{word[:80]}'.")
        value = _TRUTHS[word.lower()]
        return Mark(f"{name} {'on' if value else 'off'}", {field: value})
    if "enum" in schema:
        known = {key_of(str(choice)): choice for choice in schema["enum"]}
        if key_of(word) not in known:
            choices = ", ".join(map(str, schema["enum"]))
            raise BadInput(f"There is no {name} '{word[:80]}'; choose from: {choices}.")
        choice = known[key_of(word)]
        return Mark(str(choice), {field: choice})
    return Mark(word, {field: word})


def _numbers(field: str, text: str, *, whole: bool) -> list[int | float]:
    values: list[int | float] = []
    for part in listed(text):
        match = _RANGE.fullmatch(part)
        try:
            values += _span(field, match) if match else [float(part)]
        except ValueError:
            raise BadInput(
                f"'{part[:80]}' is no number; write numbers with commas between, or a range: "
                "1-10 [5] for five of them, 1-5 (+2) for 1, 3, 5."
            ) from None
    if not all(math.isfinite(value) for value in values):
        raise BadInput(f"'{field}' takes finite numbers only.")
    if not whole:
        return [round(value, 6) for value in values]
    # A range that was asked for by its count may fall between whole numbers; a list may not.
    if any(abs(v - round(v)) > 1e-9 for v in values) and "[" not in text:
        raise BadInput(f"'{field}' takes whole numbers.")
    return list(dict.fromkeys(math.floor(value + 0.5) for value in values))


def _span(field: str, match: re.Match[str]) -> list[float]:
    first, last = float(match["first"]), float(match["last"])
    if match["count"] is not None:
        count = int(match["count"])
        if not 1 <= count <= MAX_VALUES:
            raise BadInput(f"A range has 1 to {MAX_VALUES} values, not {count}.")
        if count == 1:
            return [first]
        return [first + (last - first) * i / (count - 1) for i in range(count)]
    step = float(match["step"]) if match["step"] else (1.0 if last >= first else -1.0)
    if step == 0 or (last - first) * step < 0:
        raise BadInput(
            f"The range '{match[0].strip()}' never gets to its end; "
            f"write its step as ({'+' if last >= first else '-'}{abs(step) or 1:g})."
        )
    steps = (last - first) / step
    if not math.isfinite(steps):
        raise BadInput(f"'{field}' takes finite numbers only.")
    count = int(steps + 1e-9) + 1
    if count > MAX_VALUES:
        raise BadInput(
            f"The range '{match[0].strip()}' has {count} values; an axis takes {MAX_VALUES}."
        )
    return [first + i * step for i in range(count)]


def _bounded(field: str, found: list[Mark]) -> tuple[Mark, ...]:
    if not found:
        raise BadInput(f"The axis '{field}' has no values yet; write some, e.g. 1-5 (+2) or a, b.")
    if len(found) > MAX_VALUES:
        raise BadInput(f"The axis '{field}' has {len(found)} values; it takes {MAX_VALUES}.")
    return tuple(found)

"""Writes docs/settings.md, the page of every settings field, from the fields' own declarations.

    python -m scripts.reference            writes it
    python -m scripts.reference --check    fails where it is not what would be written

A field says everything about itself where it is declared; this page only lists it, so that it
cannot be forgotten. `python -m pytest tests/test_docs.py` holds the page to the declarations.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backend.contracts.settings import MODES, LoraUse
from backend.contracts.settings.base import Settings
from backend.contracts.settings.regions import Region
from backend.contracts.settings.rows import ControlUse, Frozen
from backend.contracts.settings.train_digits import TrainDigitsSettings
from backend.contracts.settings.train_lora import TrainLoraSettings
from backend.sampling.samplers import ENTRIES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
_TOP = """# Settings

Every field of every mode, as presets, records, the endpoints for scripts and the page's forms know
it. A value out of range or a name that does not exist is refused with the field's name, never
corrected; `null` means what the model recommends. `python -m scripts.reference` writes this page
from the fields' declarations.
"""
_SCHEDULES = dict.fromkeys(name for entry in ENTRIES.values() for name in entry.schedules)
_NAMES: Mapping[str, str] = {  # text in the settings; a request is held to the library's
    "sampler": ", ".join(f"`{name}`" for name in ENTRIES),
    "schedule": ", ".join(f"`{name}`" for name in _SCHEDULES),
}
_ROWS: Mapping[str, type[Frozen]] = {
    "loras": LoraUse,
    "controls": ControlUse,
    "regions": Region,
}


def page() -> str:
    """The whole page, in Markdown."""
    shared = set(Settings.model_fields)
    parts = [_TOP, "## Samplers\n", *_samplers()]
    parts += ["\n## Shared by all modes\n", *_table(Settings, shared)]
    for mode, settings in MODES.items():
        own = {
            name
            for name, field in settings.model_fields.items()
            if name not in shared or repr(field) != repr(Settings.model_fields[name])
        }
        parts += [f"\n## {mode}\n", _sentence(settings), "", *_table(settings, own)]
        if settings.pictures:
            names = ", ".join(f"`{name}`" for name in settings.pictures)
            parts += ["", f"Pictures beside them: {names}."]
    parts += ["\n## train_lora\n", _sentence(TrainLoraSettings), ""]
    parts += _table(TrainLoraSettings, set(TrainLoraSettings.model_fields))
    parts += ["\n## train_digits\n", _sentence(TrainDigitsSettings), ""]
    parts += _table(TrainDigitsSettings, set(TrainDigitsSettings.model_fields))
    for name, row in _ROWS.items():
        parts += [f"\n## A row of `{name}`\n", *_table(row, set(row.model_fields))]
    return "\n".join(parts) + "\n"


def _samplers() -> Iterator[str]:
    yield "| sampler | schedules |"
    yield "|---|---|"
    for name, entry in ENTRIES.items():
        yield f"| `{name}` | {', '.join(f'`{schedule}`' for schedule in entry.schedules)} |"


def _sentence(settings: type[Any]) -> str:
    return (inspect.getdoc(settings) or "").split("\n\n")[0].replace("\n", " ")


def _table(settings: type[Any], names: set[str]) -> Iterator[str]:
    if not names:
        yield "No fields of its own."
        return
    properties: dict[str, dict[str, Any]] = settings.model_json_schema()["properties"]
    said = _attributes(settings)
    yield "| field | default | values | meaning |"
    yield "|---|---|---|---|"
    for name in settings.model_fields:
        if name in names:
            schema = properties[name]
            meaning = schema.get("description") or said.get(name, "")
            values = _NAMES.get(name) or _values(schema)
            yield (f"| `{name}` | {_default(schema)} | {values} | {meaning} |".replace("  ", " "))


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return "must be given"
    value = schema["default"]
    if value is None:
        return "`null`"
    if value == "" or value == []:
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(schema: dict[str, Any]) -> str:
    options = schema.get("anyOf", [schema])
    told = [_kind(option) for option in options if option.get("type") != "null"]
    text = " or ".join(dict.fromkeys(filter(None, told)))
    unit = schema.get("unit")
    return f"{text} {unit}" if unit and text else text


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "")
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if kind in ("integer", "number"):
        if low is None or high is None:
            return "number"
        return f"{low:.10g} to {high:.10g}" + (
            f", multiples of {schema['multipleOf']:g}" if "multipleOf" in schema else ""
        )
    return {
        "boolean": "`true`, `false`",
        "string": "text",
        "array": "list",
        "object": "object",
    }.get(kind, "")


def _attributes(settings: type[Any]) -> dict[str, str]:
    """Field -> sentence, from the docstring's Attributes."""
    text = inspect.getdoc(settings) or ""
    found: dict[str, str] = {}
    name = ""
    for line in text.partition("Attributes:\n")[2].splitlines():
        head, colon, rest = line.strip().partition(": ")
        if (
            colon
            and line.startswith("    ")
            and not line.startswith("     ")
            and head.isidentifier()
        ):
            name, found[head] = head, rest
        elif name and line.startswith("        "):
            found[name] += f" {line.strip()}"
        else:
            name = ""
    return found


def main() -> None:
    """Writes or checks the page."""
    parser = argparse.ArgumentParser(description="The page of every settings field.")
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    args = parser.parse_args()
    if not args.check:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        raise SystemExit("docs/settings.md is not up to date: run python -m scripts.reference")


if __name__ == "__main__":
    main()

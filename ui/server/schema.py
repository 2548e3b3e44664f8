"""How a settings field describes itself: its schema, the choices in it, and its hint."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel

from backend.contracts.fields import title_of


@cache
def _schemas(settings: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The JSON schemas of all fields; pydantic works them out anew for each that is asked for."""
    return settings.model_json_schema()["properties"]


def field_schema(settings: type[BaseModel], field: str) -> dict[str, Any]:
    """The JSON schema of a field, its "or null" taken off."""
    schema = _schemas(settings)[field]
    merged = {key: value for key, value in schema.items() if key != "anyOf"}
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            merged |= option
    return merged | {"title": title_of(settings, field)}


def choices_of(schema: dict[str, Any]) -> list[tuple[str, str]]:
    """A dropdown's choices: how each is shown, and its value."""
    titles = schema.get("choices", {})
    return [(titles.get(str(name), str(name)), str(name)) for name in schema["enum"]]


def hint(schema: dict[str, Any]) -> str:
    """The field's sentence, with its range and unit."""
    text = str(schema.get("description", ""))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and schema.get("type") != "string" and high < 1e6:
        text += f" {low:g} to {high:g}{' ' + schema['unit'] if schema.get('unit') else ''}."
    return text

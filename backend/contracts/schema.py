"""The version of the settings documents in presets and PNGs, and the way from older ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from backend.contracts.errors import BadInput

SCHEMA = 1

Document = dict[str, Any]
Migration = Callable[[Document], Document]

# From version n to n + 1, without changing the argument. Version 1 is the first.
MIGRATIONS: Mapping[int, Migration] = {}


def migrate(
    document: Document,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    current: int = SCHEMA,
) -> Document:
    """Brings a document to the current version.

    Raises:
        BadInput: Its version is missing, from the future, or too old to be read.
    """
    version = document.get("schema")
    if type(version) is not int or version < 0:
        raise BadInput("it does not say its schema version", "schema")
    if version > current:
        raise BadInput(
            f"it comes from a newer version of Latent Loom (schema {version}, this one reads up "
            f"to {current})",
            "schema",
        )
    while version < current:
        step = migrations.get(version)
        if step is None:
            raise BadInput(f"its schema {version} is too old to be read", "schema")
        version += 1
        document = {**step(document), "schema": version}
    return document


def loads(data: bytes | str) -> Document:
    """Parses a JSON object as strictly as JSON is defined: no NaN, no repeated keys.

    Raises:
        BadInput: It is not a JSON object.
    """
    try:
        value = json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise BadInput("it is not valid JSON") from None
    if not isinstance(value, dict):
        raise BadInput("it is not a JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> Document:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("repeated key")
    return result

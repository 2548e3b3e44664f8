"""The version of settings documents, and the way from older ones: all of it, and only here.

`backend.resolve.documents` is the one caller; whoever has a document asks that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from backend.contracts.errors import BadInput

SCHEMA: Final = 1

Document = dict[str, Any]
Migration = Callable[[Document], Document]

# From version n to n + 1, without changing the argument. Version 1 is the first.
MIGRATIONS: Final[Mapping[int, Migration]] = {}


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

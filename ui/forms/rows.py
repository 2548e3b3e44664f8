"""Rows that a part of the page keeps as text: JSON of a list of objects."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from backend.contracts.errors import BadInput
from ui.server.foreign import as_list


def rows_of(value: Any, most_chars: int, field: str, otherwise: str) -> list[Any]:
    """The rows in a text; none where it is empty.

    Args:
        value: What the page sent.
        most_chars: Longer texts are not read.
        field: The settings field that they are for.
        otherwise: What to say where it is no list of rows.

    Raises:
        BadInput: It is none.
    """
    text = str(value or "")
    uses: Any = None if text else []
    with contextlib.suppress(ValueError, RecursionError):
        uses = json.loads(text) if text and len(text) <= most_chars else uses
    rows = as_list(uses)
    if not isinstance(uses, list) or any(not isinstance(use, dict) for use in rows):
        raise BadInput(otherwise, field)
    return rows

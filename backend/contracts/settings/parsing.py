"""From values to settings, with a sentence for what is at fault."""

from __future__ import annotations

from typing import Any

from pydantic import (
    ValidationError,
)

from backend.contracts.errors import BadInput
from backend.contracts.settings.base import Settings


def parsed(cls: type[Settings], values: dict[str, Any]) -> Settings:
    """Validates `values` as settings of a class.

    Raises:
        BadInput: Names the first field at fault and says what it accepts.
    """
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        raise _sentence(error, cls) from None


def _sentence(error: ValidationError, cls: type[Settings]) -> BadInput:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return BadInput(
            f"There is no setting '{field[:80]}' in {cls.mode}; check its spelling.", field
        )
    reason = str(first["msg"]).removeprefix("Value error, ")
    where = f"'{field}': " if field else ""
    return BadInput(f"{where}{reason[0].lower() + reason[1:]}.", field or None)

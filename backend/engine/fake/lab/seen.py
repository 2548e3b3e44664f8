"""What a stand-in of the Lab shows at one moment; each module of this folder has a `look`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.contracts.events import Output, Pixels, Record
from backend.contracts.settings import Settings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class Seen:
    """A moment of a look.

    Attributes:
        outputs: Pictures that are done now.
        facts: The record that is told beside them from now on; None for what was told before.
    """

    outputs: tuple[Output, ...] = ()
    facts: DataclassInstance | None = None


def shown(
    settings: Settings, index: int, image: Pixels, views: Mapping[str, Pixels] | None = None
) -> Output:
    """A picture of a look."""
    named = {"name": settings.model, "hash": "0" * 10}
    record = Record(settings.mode, settings.model_dump(mode="json"), named)
    return Output(index, image, record, views=dict(views or {}))

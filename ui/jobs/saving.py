"""How results are saved: chosen once in a browser for all tabs, and sent beside each press."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from backend.contracts.events import Record
from backend.contracts.fields import described
from backend.contracts.requests import Request
from backend.contracts.settings import Settings, Txt2ImgSettings
from backend.contracts.settings.parsing import parsed
from backend.recipes.pictures import SUFFIXES
from backend.storage.file_names import stem

SAVING = tuple(name for name, told in described(Settings).items() if told.group == "saving")


def with_saving(request: Request, asked: Mapping[str, Any]) -> Request:
    """The request with its results saved as a page asks for; other names are left out.

    Raises:
        BadInput: A value is out of range; names its field.
    """
    wanted = {name: asked[name] for name in SAVING if name in asked}
    if not wanted:
        return request
    settings = request.settings
    told = {name: getattr(settings, name) for name in type(settings).model_fields}
    return replace(request, settings=parsed(type(settings), told | wanted))


def example(asked: Mapping[str, Any], now: datetime) -> str:
    """The name that a file would get.

    Args:
        asked: As `with_saving` takes them.
        now: When it is saved.

    Raises:
        BadInput: As `with_saving`.
    """
    told = {"prompt": "a red house in snow", "seed": 7, "width": 192, "height": 192}
    drawn = Txt2ImgSettings.model_validate(told)
    settings = with_saving(Request(drawn), asked).settings
    values = settings.model_dump(mode="json") | {"guidance_scale": 5}
    record = Record(settings.mode, values, {"name": "model"})
    return stem(record, now, 0) + SUFFIXES[settings.save_format]

"""What a settings field says about itself, once, in its declaration.

Title, range and hint stand in pydantic's `Field`; `says` adds the rest. The page's forms, the
endpoints, presets, records, the axes of grids, A1111's names and the keys of content caches are
derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Affects = Literal[
    "prompt",
    "text",
    "noise",
    "levels",
    "network",
    "guidance",
    "start",
    "inversion",
    "fit",
    "control",
    "course",
    "decoding",
    "output",
]
"""What a field has a part in:

- prompt: the words themselves.
- text: how words become conditioning.
- noise: what is drawn.
- levels: which noise levels are walked, and how.
- network: the weights, and what they predict.
- guidance: how predictions are put together.
- start: where a run begins.
- inversion: how the noise of a picture is found.
- fit: what is learned of a picture.
- control: what a ControlNet is shown, and how it acts.
- course: the way of a morph or a grid.
- decoding: latents to pixels.
- output: how many pictures, and how they are handed over; no pixel of one.
"""
Group = Literal["main", "advanced", "saving"]


@dataclass(frozen=True)
class Described:
    """A field, as whoever shows or keeps it needs it.

    Attributes:
        name: Of the field.
        title: Its label.
        hint: One sentence.
        affects: What it has a part in.
        group: "advanced" stands in a tab's last fold unless the tab places it elsewhere; "saving"
            is chosen once for all tabs.
        unit: Of its number, "" without one.
        choices: Titles of its values, where they differ from the values themselves.
        a1111: Its keys in A1111's text; the first is written.
        a1111_words: Its values -> A1111's words for them, where those differ.
        axis: Whether it may stand on an axis of a grid.
        later: It came after records were first written, and is left out of them where it has its
            standard value, so that they stay what other versions read.
        needs: The capability (`contracts/capabilities.py`) that a model must have where this is
            not at its standard value; "" none.
    """

    name: str
    title: str
    hint: str
    affects: frozenset[Affects]
    group: Group
    unit: str
    choices: Mapping[str, str]
    a1111: tuple[str, ...]
    a1111_words: Mapping[str, str]
    axis: bool
    later: bool
    needs: str


def says(
    *affects: Affects,
    group: Group = "main",
    unit: str = "",
    step: float | None = None,
    choices: Mapping[str, str] | None = None,
    a1111: tuple[str, ...] = (),
    a1111_words: Mapping[str, str] | None = None,
    axis: bool = True,
    later: bool = False,
    needs: str = "",
) -> dict[str, Any]:
    """A declaration's `json_schema_extra`; see `Described`.

    Args:
        affects: At least one.
        step: Of the slider.
    """
    told: dict[str, Any] = {"affects": list(affects)}
    told |= {"group": group} if group != "main" else {}
    told |= {"unit": unit} if unit else {}
    told |= {"step": step} if step is not None else {}
    told |= {"choices": dict(choices)} if choices else {}
    told |= {"a1111": list(a1111)} if a1111 else {}
    told |= {"a1111_words": dict(a1111_words)} if a1111_words else {}
    told |= {"later": True} if later else {}
    told |= {"needs": needs} if needs else {}
    return told | ({} if axis else {"axis": False})


@cache
def described(settings: type[BaseModel]) -> Mapping[str, Described]:
    """Every field of a settings model, in the order of its declaration."""
    return {name: _described(name, info) for name, info in settings.model_fields.items()}


def _described(name: str, info: FieldInfo) -> Described:
    extra = info.json_schema_extra
    told = cast("dict[str, Any]", extra) if isinstance(extra, dict) else {}
    return Described(
        name=name,
        title=info.title or name.replace("_", " ").capitalize(),
        hint=info.description or "",
        affects=frozenset(told.get("affects", ())),
        group=told.get("group", "main"),
        unit=told.get("unit", ""),
        choices=told.get("choices", {}),
        a1111=tuple(told.get("a1111", ())),
        a1111_words=told.get("a1111_words", {}),
        axis=told.get("axis", True),
        later=told.get("later", False),
        needs=told.get("needs", ""),
    )


def title_of(settings: type[BaseModel], field: str) -> str:
    """The label of a field; made of its name where the model does not have it."""
    found = described(settings).get(field)
    return found.title if found else field.replace("_", " ").capitalize()


def choice_title(settings: type[BaseModel], field: str, value: str) -> str:
    """How a field's value is shown."""
    found = described(settings).get(field)
    return found.choices.get(value, value) if found else value


def unsaid(settings: BaseModel) -> tuple[str, ...]:
    """The fields that a record leaves out: `later` ones that have their standard value."""
    return tuple(
        name
        for name, told in described(type(settings)).items()
        if told.later and getattr(settings, name) == type(settings).model_fields[name].get_default()
    )


def affecting(settings: BaseModel, *what: Affects) -> tuple[tuple[str, object], ...]:
    """Name and value of every field that has a part in some of `what`, for a cache's key.

    Rows that are off have none.
    """
    wanted = frozenset(what)
    return tuple(
        (name, _acting(getattr(settings, name)))
        for name, told in described(type(settings)).items()
        if told.affects & wanted
    )


def _acting(value: Any) -> object:
    if isinstance(value, tuple):
        rows = cast("tuple[Any, ...]", value)
        return tuple(row for row in rows if getattr(row, "on", True))
    return value


def is_list(info: FieldInfo) -> bool:
    """Whether a field holds a list, which travels as one in JSON."""
    return getattr(info.annotation, "__origin__", None) is tuple


def item_of(info: FieldInfo) -> Any:
    """What the items of a field's list travel as in JSON: dict or a plain type."""
    item: Any = get_args(info.annotation)[0]
    item = get_args(item)[0] if get_args(item) else item  # Annotated
    if isinstance(item, type) and issubclass(item, BaseModel):
        return dict[str, Any]
    return cast("Any", item)

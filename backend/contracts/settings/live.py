"""What may be changed while a run goes on, and what was, so that a record makes it again."""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from backend.contracts.errors import BadInput
from backend.contracts.fields import says, title_of
from backend.contracts.settings.base import Settings
from backend.contracts.settings.kinds import MAX_STEPS, Name
from backend.contracts.settings.parsing import parsed
from backend.contracts.settings.rows import LoraUse
from backend.contracts.settings.steer import SteerFields

LIVE = (
    "prompt",
    "negative_prompt",
    "guidance_scale",
    "loras",
    "control_scale",
    *SteerFields.model_fields,
)
"""The fields that may change between two steps."""
MAX_CHANGES = 200
Place = tuple[int, int]
"""Stage of the run and step of its schedule, from 0."""
SettingsT = TypeVar("SettingsT", bound=Settings)


class LiveChange(BaseModel):
    """One field that was changed while the run went on.

    Attributes:
        stage: Of the run, from 0; hires fix has two.
        step: Of that stage's schedule, from 0: the first that knows of it.
        field: Which.
        value: What it has from there on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stage: int = Field(0, ge=0, le=15)
    step: int = Field(ge=0, le=MAX_STEPS)
    field: Name
    value: int | float | str | tuple[LoraUse, ...]

    @property
    def place(self) -> Place:
        """Where it begins to act."""
        return self.stage, self.step

    @model_serializer(mode="wrap")
    def _first_stage_unsaid(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = written(self)
        return {key: value for key, value in values.items() if key != "stage" or value}


class LiveFields(BaseModel):
    """Fields of the modes that can be changed while they draw."""

    live: ClassVar[bool] = False

    changes: tuple[LiveChange, ...] = Field(
        (),
        max_length=MAX_CHANGES,
        description="What was changed while it was drawn, and from which step on.",
        json_schema_extra=says("course", later=True, axis=False),
    )

    @property
    def takes_changes(self) -> bool:
        """Whether these settings may change while they draw."""
        return self.live

    @model_validator(mode="after")
    def _changes_hold(self) -> Self:
        if not self.changes:
            return self
        assert isinstance(self, Settings)
        if not self.takes_changes:
            raise ValueError("this is drawn without changes on the way; leave 'changes' out")
        if [each.place for each in self.changes] != sorted(each.place for each in self.changes):
            raise ValueError("changes must stand in the order of their steps")
        plain = self.model_copy(update={"changes": ()})
        try:
            for each in self.changes:
                plain = changed(plain, {each.field: each.value})
        except BadInput as error:
            raise ValueError(str(error).rstrip(".")) from None
        return self


def changed(settings: SettingsT, values: dict[str, Any]) -> SettingsT:
    """The settings with other values of live fields.

    Raises:
        BadInput: A field cannot be changed while a run goes on, or not to that.
    """
    kind = type(settings)
    for name in values:
        if name not in LIVE or name not in kind.model_fields:
            raise BadInput(
                f"'{title_of(kind, name[:80])}' cannot be changed while the picture forms; start a "
                "new run for it.",
                name,
            )
    said = settings.model_dump(mode="json") | {
        name: _plain(value) for name, value in values.items()
    }
    made = parsed(kind, said)
    if _fixed(made) != _fixed(settings):
        raise BadInput(
            "Only the weights of LoRAs change while the picture forms; start a new run with others "
            "or for another part of it.",
            "loras",
        )
    return cast("SettingsT", made)


def applied(settings: SettingsT, changes: tuple[LiveChange, ...]) -> SettingsT:
    """The settings as these changes leave them, in order; none are noted in them."""
    known = {
        each.field: each.value for each in changes if each.field in type(settings).model_fields
    }
    return settings.model_copy(update=known | {"changes": ()})


def is_live(kind: type[Settings]) -> bool:
    """Whether runs of a mode may be changed while they go on."""
    return issubclass(kind, LiveFields) and kind.live


def live_values(settings: Settings) -> dict[str, Any]:
    """The live fields of settings, but for those that are left to the model."""
    values = {name: getattr(settings, name) for name in LIVE if name in type(settings).model_fields}
    return {name: value for name, value in values.items() if value is not None}


def _fixed(settings: Settings) -> list[LoraUse]:
    """What of the LoRAs stays as it is."""
    return [use.model_copy(update={"weight": 1.0}) for use in settings.loras]


def _plain(value: Any) -> Any:
    """As JSON has it: rows as dicts."""
    if not isinstance(value, list | tuple):
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    rows = cast("list[Any]", value)
    return [_plain(row) for row in rows]

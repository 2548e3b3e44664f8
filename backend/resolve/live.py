"""Changes of a run while it goes on: settled as requests are, and when they begin to act."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from backend.contracts.errors import BadInput
from backend.contracts.library import Library
from backend.contracts.requests import ResolvedRequest
from backend.contracts.settings import Settings
from backend.contracts.settings.live import LIVE, LiveChange, LiveFields, Place, applied, changed
from backend.resolve.request import resolve_pictures

Wish = Mapping[str, Any]
"""Live fields and the values that they shall have, settled."""
SettingsT = TypeVar("SettingsT", bound=Settings)


def takes_changes(settings: Settings) -> bool:
    """Whether a run of these settings may be changed while it goes on."""
    return isinstance(settings, LiveFields) and settings.takes_changes


def settled(
    request: ResolvedRequest, wishes: Sequence[Wish], values: Wish, library: Library
) -> tuple[Wish, ResolvedRequest]:
    """What a change of a running request comes to, and the request as it would then be.

    Args:
        request: That runs.
        wishes: What was changed before.
        values: Live fields and what they shall be; those that are so already change nothing.
        library: What there is.

    Raises:
        BadInput: That cannot be changed while it runs, or the parts do not go together then.
    """
    if not takes_changes(request.settings):
        raise BadInput("This run cannot be changed while it goes on; stop it and start a new one.")
    now = applied(request.runs[0], ())
    for wish in wishes:
        now = now.model_copy(update=dict(wish))
    wanted = changed(now, dict(values))
    resolved = resolve_pictures(replace_settings(request, wanted), library)
    then = changed(now, {name: getattr(resolved.runs[0], name) for name in _live(now)})
    wish = {
        name: getattr(then, name)
        for name in _live(now)
        if getattr(then, name) != getattr(now, name)
    }
    return wish, resolved


def replace_settings(request: ResolvedRequest, settings: Settings) -> ResolvedRequest:
    """The request with other settings, unsettled."""
    return replace(request, settings=settings, runs=())


def _live(settings: Settings) -> list[str]:
    return [name for name in LIVE if name in type(settings).model_fields]


@dataclass
class Course:
    """The changes of one run, as they come to act.

    Attributes:
        settings: Of the run; None where nothing changes it.
        given: Noted in its settings: it repeats an earlier run, or goes on with one.
        wishes: What its person has wished so far, oldest first.
        made: What acts by now, in order.
    """

    settings: Settings | None = None
    given: tuple[LiveChange, ...] = ()
    wishes: Callable[[], Sequence[Wish]] = tuple
    made: tuple[LiveChange, ...] = ()
    _given: int = field(default=0, init=False)
    _wished: int = field(default=0, init=False)

    @classmethod
    def of(cls, settings: Settings, wishes: Callable[[], Sequence[Wish]]) -> Course:
        """Of a run by its settings."""
        given = settings.changes if isinstance(settings, LiveFields) else ()
        return cls(settings, given, wishes) if takes_changes(settings) else cls()

    def reach(self, place: Place) -> tuple[LiveChange, ...]:
        """Before a step: what acts from here on that did not before, noted from now on."""
        if self.settings is None:
            return ()
        stage, step = place
        before = len(self.made)
        while self._given < len(self.given) and self.given[self._given].place <= place:
            self.made += (self.given[self._given],)
            self._given += 1
        wishes = self.wishes()[self._wished :]
        self._wished += len(wishes)
        now = self.now(self.settings)
        # One after the other; what a run that was paused has noted already is no change.
        self.made += tuple(
            LiveChange(stage=stage, step=step, field=name, value=value)
            for name, value in {k: v for wish in wishes for k, v in wish.items()}.items()
            if getattr(now, name) != value
        )
        return self.made[before:]

    def now(self, settings: SettingsT) -> SettingsT:
        """Settings of the run, or of a stage of it, as all that acts by now leaves them."""
        return applied(settings, self.made)

    def noted(self, settings: SettingsT) -> SettingsT:
        """Settings as they were asked for, with the changes, for a record."""
        if not isinstance(settings, LiveFields):
            return settings
        return settings.model_copy(update={"changes": self.made})

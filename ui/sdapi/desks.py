"""What the interface remembers between requests, for each of its callers alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from backend.contracts.errors import LoomError
from backend.engine.jobs.owners import account_of
from ui.sdapi.access import Caller

MAX_DESKS = 256
APART = (
    "Through a share link all callers look alike: write the name as NAME+WORD, with a word of your "
    "own, so that this concerns your jobs alone."
)


@dataclass
class Desk:
    """What one caller has chosen, and what runs for it.

    Attributes:
        owner: Whose jobs these are in the queue.
        options: As `/options` answers.
        running: Tokens of the jobs that requests wait for, the oldest first.
        interrupted: Counts calls of `/interrupt`.
    """

    owner: str
    options: dict[str, Any]
    running: list[str] = field(default_factory=list[str])
    interrupted: int = 0


class Desks:
    """The callers' desks; one of the same account, else the one that was idle for longest, goes
    when there are too many.

    Args:
        options: Those that a caller begins with.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._desks: OrderedDict[str, Desk] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, http: Request) -> Desk:
        """The desk of who asks; one that is for this request alone where callers look alike."""
        caller: Caller = http.state.caller
        if caller.alike:
            return Desk(caller.owner, dict(self._options))
        with self._lock:
            desk = self._desks.get(caller.owner)
            if desk is None:
                desk = self._desks[caller.owner] = Desk(caller.owner, dict(self._options))
                self._tidy(desk)
            self._desks.move_to_end(caller.owner)
            return desk

    def steered(self, http: Request) -> Desk:
        """The desk of who asks, to change what concerns more than this request.

        Raises:
            LoomError: It cannot be told whose that would be.
        """
        if http.state.caller.alike:
            raise LoomError(APART)
        return self.of(http)

    def _tidy(self, new: Desk) -> None:
        """Where one account has many, by words of its own, they give way before others' do."""
        if len(self._desks) <= MAX_DESKS:
            return
        idle = [one for one in self._desks.values() if not one.running and one is not new]
        account = account_of(new.owner)
        idle.sort(key=lambda one: account_of(one.owner) != account)
        for desk in idle[: len(self._desks) - MAX_DESKS]:
            del self._desks[desk.owner]

"""What settings change in a model for as long as a run has it, each in a file of this folder.

A file adds one: it declares `CHANGE`. Whoever leases a model gets it under all of them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module

from backend.contracts.settings import Settings
from backend.models.checkpoint import Checkpoint
from backend.models.interludes import Interludes, registered

Change = Callable[[Checkpoint, Settings], AbstractContextManager[None]]
"""(model, complete settings) -> the change in force; without effect where they ask for none."""

CHANGES: tuple[Change, ...] = tuple(
    import_module(f"{__name__}.{module.name}").CHANGE for module in pkgutil.iter_modules(__path__)
)


class _InForce:
    """All changes of a model, put on and taken off together."""

    def __init__(self, model: Checkpoint, settings: Settings, changes: Sequence[Change]) -> None:
        self._model, self._settings, self._changes = model, settings, changes
        self._stack = ExitStack()

    def enter(self) -> None:
        for change in self._changes:
            self._stack.enter_context(change(self._model, self._settings))

    def leave(self) -> None:
        """Without effect where they are off."""
        self._stack.pop_all().close()

    @contextmanager
    def paused(self) -> Generator[None]:
        """The plain model, for a job in the middle of this one."""
        self.leave()
        try:
            yield
        finally:
            self.enter()


@contextmanager
def changed(
    model: Checkpoint,
    settings: Settings,
    interludes: Interludes | None = None,
    further: Sequence[Change] = (),
) -> Generator[None]:
    """The model as the settings want it; bit for bit as it was afterwards.

    Args:
        model: Leased.
        settings: Complete ones.
        interludes: Of the job; the model is plain while one lasts.
        further: Changes by what was leased beside the model.
    """
    force = _InForce(model, settings, (*CHANGES, *further))
    try:
        force.enter()
        with registered(interludes, force.paused):
            yield
    finally:
        force.leave()

"""What settings change in a model for as long as a run has it, each in a file of this folder.

A file adds one: it declares `CHANGE`. Whoever leases a model gets it under all of them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module

from backend.contracts.settings import Settings
from backend.models.checkpoint import Checkpoint

Change = Callable[[Checkpoint, Settings], AbstractContextManager[None]]
"""(model, complete settings) -> the change in force; without effect where they ask for none."""

CHANGES: tuple[Change, ...] = tuple(
    import_module(f"{__name__}.{module.name}").CHANGE for module in pkgutil.iter_modules(__path__)
)


@contextmanager
def changed(model: Checkpoint, settings: Settings) -> Generator[None]:
    """The model as the settings want it; bit for bit as it was afterwards."""
    with ExitStack() as stack:
        for change in CHANGES:
            stack.enter_context(change(model, settings))
        yield

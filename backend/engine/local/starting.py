"""An engine that is still starting: the page is built and answers while torch is imported."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

from backend.contracts.events import TokenCount
from backend.contracts.library import Library
from backend.engine.jobs.protocol import Engine
from backend.engine.local.library import first_look
from backend.storage.outputs import Storage


class StartingEngine:
    """Stands for an `Engine` that a thread is making; all that it is asked for waits for it.

    Args:
        make: Makes the engine.
        at_hand: What `library` says meanwhile to the thread that makes this: it builds the page.
            Whoever asks from another thread has the page, and waits for the whole truth.
    """

    def __init__(self, make: Callable[[], Engine], at_hand: Library) -> None:
        self._made: Future[Engine] = Future()
        self._at_hand = at_hand
        self._builder = threading.current_thread()
        threading.Thread(target=self._run, args=(make,), name="engine-start", daemon=True).start()

    def _run(self, make: Callable[[], Engine]) -> None:
        try:
            self._made.set_result(make())
        except BaseException as error:
            self._made.set_exception(error)

    def ready(self) -> Engine:
        """The engine, once it is there.

        Raises:
            Exception: What kept it from starting.
        """
        return self._made.result()

    def library(self, *, refresh: bool = False) -> Library:
        """As the engine's; to the page's builder, before it is there, what lies in the folders."""
        if not self._made.done() and threading.current_thread() is self._builder:
            return self._at_hand
        return self.ready().library(refresh=refresh)

    def count_tokens(self, model: str, text: str) -> TokenCount | None:
        """As the engine's; None before it is there."""
        if not self._made.done() or self._made.exception() is not None:
            return None
        return self.ready().count_tokens(model, text)

    def close(self) -> None:
        """As the engine's; one that never started has nothing to close."""
        if self._made.exception() is None:
            self.ready().close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ready(), name)


def start_local(
    models: Sequence[Path],
    storage: Storage,
    budgets: tuple[float | None, float | None, float],
    **options: Any,
) -> Engine:
    """Starts `LocalEngine.create` in the background.

    Args:
        models: As for `LocalEngine.create`.
        storage: Likewise.
        budgets: Weights on the device and in RAM, GiB, and minutes until idle models go, as
            `Budgets.of_gib` takes them.
        options: The others.
    """

    def make() -> Engine:
        # These imports are what takes the time.
        from backend.engine.local.cache import Budgets
        from backend.engine.local.engine import LocalEngine

        return LocalEngine.create(models, storage, budgets=Budgets.of_gib(*budgets), **options)

    return cast(Engine, StartingEngine(make, first_look(models)))


def settled(engine: Engine) -> None:
    """Waits until a starting engine is there.

    Raises:
        Exception: What kept it from starting.
    """
    if isinstance(engine, StartingEngine):
        engine.ready()

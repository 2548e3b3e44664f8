"""An engine that is still starting: the page is built and answers while torch is imported."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from backend.contracts.errors import UnknownName
from backend.contracts.events import (
    File,
    JobStatus,
    Output,
    Pixels,
    Preview,
    TimelineInfo,
    TokenCount,
)
from backend.contracts.library import HashedKind, Library
from backend.contracts.requests import Runnable
from backend.contracts.settings import Settings
from backend.engine.jobs.protocol import (
    Engine,
    Figures,
    FrameKind,
    Memory,
    PortraitKind,
    Quota,
)
from backend.engine.local.deferred import put_off
from backend.engine.local.library import first_look
from backend.families.registry import FAMILIES
from backend.models.family import Registry
from backend.storage.makers import Viewer
from backend.storage.outputs import Storage


class StartingEngine:
    """Stands for an `Engine` that a thread makes, once it is told to begin.

    An event loop may not wait for it: what is asked there of a job is answered at once, as of one
    that is not known. All else waits: an earlier process may have left the job.

    Args:
        make: Makes the engine.
        at_hand: What `library` says meanwhile to the thread that makes this: it builds the page.
            Whoever asks from another thread has the page, and waits for the whole truth.
        kept: Whether jobs of an earlier process may be found.
    """

    def __init__(self, make: Callable[[], Engine], at_hand: Library, *, kept: bool = False) -> None:
        self._kept = kept
        self._made: Future[Engine] = Future()
        self._at_hand = at_hand
        self._builder = threading.current_thread()
        self._thread = threading.Thread(
            target=self._run, args=(make,), name="engine-start", daemon=True
        )
        self._begun = threading.Lock()

    def _run(self, make: Callable[[], Engine]) -> None:
        try:
            self._made.set_result(make())
        except BaseException as error:
            self._made.set_exception(error)

    def begin(self) -> None:
        """Lets the thread make it; the page comes first, as both share one interpreter.

        Who has the page early waits: while this imports, Gradio's own look at whether the page
        answers may take longer than the three seconds that it allows.
        """
        if self._begun.acquire(blocking=False):
            self._thread.start()

    def ready(self) -> Engine:
        """The engine, once it is there.

        Raises:
            Exception: What kept it from starting.
        """
        return self._made.result()

    def _now(self) -> Engine | None:
        """The engine, None while it is not there; raises what kept it from starting."""
        return self.ready() if self._made.done() else None

    def _with_job(self) -> Engine:
        engine = self._now()
        if engine is None:
            if self._kept and not _on_a_loop():
                return self.ready()
            raise UnknownName("That job is not known: the studio is still starting.")
        return engine

    # --- of jobs -----------------------------------------------------------------------------

    def cancel(self, token: str) -> None:
        """As the engine's."""
        if (engine := self._now()) is not None:
            engine.cancel(token)

    def skip(self, token: str, part: int) -> None:
        """As the engine's."""
        self._with_job().skip(token, part)

    def change(self, token: str, values: Mapping[str, Any]) -> None:
        """As the engine's."""
        self._with_job().change(token, values)

    def pause_job(self, token: str) -> None:
        """As the engine's."""
        self._with_job().pause_job(token)

    def resume_job(self, token: str, *, step: int | None = None, steps: int | None = None) -> None:
        """As the engine's."""
        self._with_job().resume_job(token, step=step, steps=steps)

    def promote(self, token: str) -> None:
        """As the engine's."""
        self._with_job().promote(token)

    def status(self, token: str) -> JobStatus:
        """As the engine's."""
        return self._with_job().status(token)

    def wait(self, token: str, revision: int, timeout_s: float) -> JobStatus:
        """As the engine's."""
        return self._with_job().wait(token, revision, timeout_s)

    async def next_preview(
        self, token: str, revision: int, timeout_s: float = 10.0
    ) -> Preview | None:
        """As the engine's."""
        return await self._with_job().next_preview(token, revision, timeout_s)

    def touch(self, token: str) -> None:
        """As the engine's."""
        self._with_job().touch(token)

    def detach(self, token: str) -> None:
        """As the engine's."""
        self._with_job().detach(token)

    def results(self, token: str) -> tuple[Output, ...]:
        """As the engine's."""
        return self._with_job().results(token)

    def file(self, token: str) -> File | None:
        """As the engine's."""
        return self._with_job().file(token)

    def timeline(self, token: str) -> TimelineInfo | None:
        """As the engine's."""
        engine = self._now()
        return None if engine is None else engine.timeline(token)

    def timeline_frame(
        self, token: str, step: int, kind: FrameKind = "x0", image: int = 0
    ) -> Pixels:
        """As the engine's."""
        return self._with_job().timeline_frame(token, step, kind, image)

    def count_tokens(self, model: str, text: str) -> TokenCount | None:
        """As the engine's; None before it is there."""
        if not self._made.done() or self._made.exception() is not None:
            return None
        return self.ready().count_tokens(model, text)

    # --- waited for --------------------------------------------------------------------------

    def submit(
        self,
        request: Runnable,
        owner: str = "",
        *,
        background: bool = False,
        lasting: bool = False,
        token: str = "",
    ) -> str:
        """As the engine's."""
        return self.ready().submit(
            request, owner, background=background, lasting=lasting, token=token
        )

    def quota(self, owner: str) -> Quota:
        """As the engine's."""
        return self.ready().quota(owner)

    def cancel_all(self) -> int:
        """As the engine's."""
        return self.ready().cancel_all()

    def forget(self, viewer: Viewer) -> None:
        """As the engine's."""
        self.ready().forget(viewer)

    def keep(self, token: str, on: bool) -> None:
        """As the engine's."""
        self._with_job().keep(token, on)

    def retry(self, token: str) -> str:
        """As the engine's."""
        return self.ready().retry(token)

    def pause(self, on: bool) -> None:
        """As the engine's."""
        self.ready().pause(on)

    @property
    def paused(self) -> bool:
        """As the engine's."""
        return self.ready().paused

    def levels(self, settings: Settings) -> tuple[float, ...]:
        """As the engine's."""
        return self.ready().levels(settings)

    def seconds(self, settings: Settings) -> float | None:
        """As the engine's."""
        return self.ready().seconds(settings)

    def library(self, *, refresh: bool = False) -> Library:
        """As the engine's; to the page's builder, before it is there, what lies in the folders."""
        if not self._made.done() and threading.current_thread() is self._builder:
            return self._at_hand
        return self.ready().library(refresh=refresh)

    def portrait(self, kind: PortraitKind, name: str) -> bytes | None:
        """As the engine's; None before it is there."""
        engine = self._now()
        return None if engine is None else engine.portrait(kind, name)

    def find(self, kind: HashedKind, wanted: str) -> str | None:
        """As the engine's."""
        return self.ready().find(kind, wanted)

    def figures(self) -> Figures | None:
        """As the engine's; None while it is not there."""
        engine = self._now()
        return None if engine is None else engine.figures()

    def memory(self) -> Memory:
        """As the engine's."""
        return self.ready().memory()

    def set_device(
        self, name: str, *, takes: bool | None = None, pinned: str | None = None
    ) -> None:
        """As the engine's."""
        self.ready().set_device(name, takes=takes, pinned=pinned)

    def free_memory(self) -> int:
        """As the engine's."""
        return self.ready().free_memory()

    def close(self) -> None:
        """As the engine's; one that never started has nothing to close."""
        if self._begun.locked() and self._made.exception() is None:
            self.ready().close()


def start_local(
    models: Sequence[Path],
    storage: Storage,
    budgets: tuple[float | None, float | None, float],
    families: Registry = FAMILIES,
    **options: Any,
) -> Engine:
    """`LocalEngine.create` in the background, once the page asks for it.

    Args:
        models: As for `LocalEngine.create`.
        storage: Likewise.
        budgets: Weights on the device and in RAM, GiB, and minutes until idle models go, as
            `Budgets.of_gib` takes them.
        families: Who knows checkpoints.
        options: The others.
    """

    def make() -> Engine:
        put_off()
        # These imports are what takes the time.
        from backend.engine.local.cache import Budgets
        from backend.engine.local.engine import LocalEngine

        return LocalEngine.create(
            models, storage, budgets=Budgets.of_gib(*budgets), families=families, **options
        )

    kept = options.get("queue") is not None
    return StartingEngine(make, first_look(models, families), kept=kept)


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def begin(engine: Engine) -> None:
    """Lets a starting engine start, and does not wait for it."""
    if isinstance(engine, StartingEngine):
        engine.begin()


def settled(engine: Engine) -> None:
    """Waits until a starting engine is there.

    Raises:
        Exception: What kept it from starting.
    """
    if isinstance(engine, StartingEngine):
        engine.begin()
        engine.ready()

"""The engines that the contract holds for, each made for one test.

An engine joins by a function in `MAKERS`: it gives an engine that draws small pictures, takes about
`step_s` for each step of a model, and fails where the prompt says `!crash`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from backend.contracts.events import Output
from backend.contracts.requests import ModeRequest, Request
from backend.contracts.settings import parse
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.engine.jobs.job import Patience
from backend.engine.jobs.limits import STANDARD_LIMITS, Limits
from backend.engine.jobs.protocol import Engine
from backend.engine.jobs.saving import SavesPictures
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.manager import ModelManager
from backend.models.memory.devices import pick
from backend.modes import run_mode
from backend.modes.context import Context, Running
from tests.jobs import until
from tests.tiny import tiny_checkpoint
from tests.tiny_pixels import tiny_x4

STEPS = 4
SIDE_PX = 64
MODEL, LARGER = "tiny", "tiny-x4"


@dataclass(frozen=True)
class Wanted:
    """What a test asks of its engine."""

    models: Path
    step_s: float
    patience: Patience
    limits: Limits
    storage: SavesPictures | None


class Make(Protocol):
    """Makes the engine of a test; it is closed afterwards."""

    def __call__(
        self,
        step_s: float = 0.0,
        *,
        patience: Patience | None = None,
        limits: Limits = STANDARD_LIMITS,
        storage: SavesPictures | None = None,
    ) -> Engine: ...


def stand_in(wanted: Wanted) -> FakeEngine:
    return FakeEngine(
        storage=wanted.storage,
        step_time_s=wanted.step_s,
        patience=wanted.patience,
        limits=wanted.limits,
        models=(MODEL, LARGER),
    )


@dataclass(frozen=True, eq=False)
class Slow:
    """A job whose model calls take a while."""

    job: Running
    step_s: float

    def check(self) -> None:
        self.job.check()
        until = time.monotonic() + self.step_s
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.01))
            self.job.check()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.job, name)


def local(wanted: Wanted) -> LocalEngine:
    """The engine of this machine with a tiny model; each model call takes a while."""
    target, catalog = pick("cpu", "float32"), Catalog([wanted.models], FAMILIES)

    def run(request: ModeRequest, context: Context) -> Iterator[Output]:
        if isinstance(request, Request) and "!crash" in request.settings.prompt:
            raise RuntimeError("/secret/path: an internal error that no one may read")
        return run_mode(request, replace(context, job=Slow(context.job, wanted.step_s)))

    return LocalEngine(
        catalog,
        ModelManager(lambda name: FAMILIES.load(catalog.checkpoint(name), target), 2**30),
        target,
        cast("None", wanted.storage),
        patience=wanted.patience,
        limits=wanted.limits,
        run=run,
    )


MAKERS: dict[str, Callable[[Wanted], Engine]] = {"stand-in": stand_in, "local": local}


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / MODEL)
    tiny_x4(root / "checkpoints" / LARGER)
    return root


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest, tiny_models: Path) -> Iterator[Make]:
    engines: list[Engine] = []

    def making(
        step_s: float = 0.0,
        *,
        patience: Patience | None = None,
        limits: Limits = STANDARD_LIMITS,
        storage: SavesPictures | None = None,
    ) -> Engine:
        wanted = Wanted(tiny_models, step_s, patience or Patience(), limits, storage)
        engines.append(MAKERS[request.param](wanted))
        return engines[-1]

    yield making
    for engine in engines:
        engine.close()


def wanted(prompt: str = "a red house", **values: object) -> Request:
    """A small picture."""
    given = {
        "prompt": prompt,
        "model": MODEL,
        "seed": 5,
        "steps": STEPS,
        "width": SIDE_PX,
        "height": SIDE_PX,
    }
    return Request(parse("txt2img", given | values))


def resting(engine: Engine, after: int, **values: object) -> str:
    """A job that rests after exactly so many steps."""
    engine.pause(True)
    token = ask(engine, wanted(**values))  # type: ignore[arg-type]
    engine.pause_job(token)
    engine.resume_job(token, steps=after)
    engine.pause(False)
    status = until(engine, token, lambda now: now.state not in ("queued", "running"))
    assert status.state == "paused", status.error
    return token

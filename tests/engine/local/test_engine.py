"""The local engine with modes of the test's own: order, stopping, failures, background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.contracts.errors import OutOfMemory, UnknownName
from backend.contracts.events import Output, Progress, Record, TokenCount
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.jobs.job import Patience
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.manager import ModelManager
from backend.models.memory.devices import pick
from backend.modes.context import Context
from backend.storage.outputs import Storage
from tests.jobs import ended, until
from tests.tiny import tiny_checkpoint

Mode = Callable[[Request, Context], Iterator[Output]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    return root


@pytest.fixture
def engine_of(models: Path) -> Iterator[Callable[..., LocalEngine]]:
    engines: list[LocalEngine] = []

    def make(
        run: Mode, *, storage: Storage | None = None, patience: Patience | None = None
    ) -> LocalEngine:
        def load(name: str) -> object:
            raise AssertionError(f"{name} is not needed here")

        engine = LocalEngine(
            Catalog([models], FAMILIES),
            ModelManager(load, 1),
            pick("cpu", "float32"),
            storage,
            run=run,
            patience=patience,
        )
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


def request(prompt: str = "", **values: object) -> Request:
    return Request(Txt2ImgSettings.model_validate({"prompt": prompt, "model": "tiny", **values}))


def output(index: int, req: Request) -> Output:
    record = Record("txt2img", req.settings.model_dump(mode="json"), {"name": "tiny", "hash": ""})
    return Output(index, np.full((8, 8, 3), index, np.uint8), record)


def stepping(steps: int, log: list[str], gate: threading.Event | None = None) -> Mode:
    def run(req: Request, context: Context) -> Iterator[Output]:
        for step in range(steps):
            if gate is not None:
                gate.wait(5)
            context.check()
            log.append(req.settings.prompt)
            context.report(Progress("sampling", step + 1, steps))
            time.sleep(0.01)
        yield output(0, req)

    return run


def test_the_job_runs_and_its_info_is_complete(engine_of: Callable[..., LocalEngine]) -> None:
    engine = engine_of(stepping(3, []))
    status = ended(engine, ask(engine, request("hello", seed=5)))
    assert status.state == "done"
    assert status.info["seeds"] == [5]
    assert status.info["settings"]["width"] == status.info["settings"]["height"]
    assert status.info["settings"]["guidance_scale"] is not None
    assert status.info["model"]["name"] == "tiny"


def test_seed_minus_one_is_drawn_anew_each_time(engine_of: Callable[..., LocalEngine]) -> None:
    engine = engine_of(stepping(1, []))
    seeds = {ended(engine, ask(engine, request())).info["seeds"][0] for _ in range(4)}
    assert len(seeds) == 4
    assert -1 not in seeds


def test_stop_ends_the_job_at_its_next_model_call(engine_of: Callable[..., LocalEngine]) -> None:
    log: list[str] = []
    engine = engine_of(stepping(10_000, log))
    token = ask(engine, request("long"))
    until(engine, token, lambda now: now.progress.step >= 3)
    engine.cancel(token)
    called = len(log)
    status = ended(engine, token)
    assert status.state == "stopped"
    assert len(log) <= called + 1  # of one that had just been let through


def test_a_waiting_job_is_stopped_at_once_and_never_runs(
    engine_of: Callable[..., LocalEngine],
) -> None:
    log: list[str] = []
    gate = threading.Event()
    engine = engine_of(stepping(2, log, gate))
    first, second = ask(engine, request("first")), ask(engine, request("second"))
    until(engine, first, lambda now: now.state != "queued")
    assert engine.status(second).position == 1
    engine.cancel(second)
    assert engine.status(second).state == "stopped"
    gate.set()
    ended(engine, first)
    assert set(log) == {"first"}


def test_an_interactive_job_overtakes_a_running_background_job(
    engine_of: Callable[..., LocalEngine],
) -> None:
    log: list[str] = []
    engine = engine_of(stepping(30, log))
    background = ask(engine, request("background"), background=True)
    until(engine, background, lambda now: now.progress.step >= 2)
    interactive = ask(engine, request("interactive"))
    assert ended(engine, interactive).state == "done"
    assert engine.status(background).state == "running"
    assert ended(engine, background).state == "done"
    first = log.index("interactive")
    assert log[first : first + 30] == ["interactive"] * 30
    assert log.count("background") == 30


def test_an_abandoned_job_stops_after_the_grace_period(
    engine_of: Callable[..., LocalEngine],
) -> None:
    engine = engine_of(stepping(10_000, []), patience=Patience(grace_s=0.1))
    token = ask(engine, request())
    engine.detach(token)
    assert ended(engine, token).state == "stopped"


def test_an_unforeseen_error_fails_the_job_without_a_traceback_and_the_next_runs(
    engine_of: Callable[..., LocalEngine],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def run(req: Request, context: Context) -> Iterator[Output]:
        if req.settings.prompt == "bad":
            raise RuntimeError("secret detail /etc/hostname")
        yield output(0, req)

    engine = engine_of(run)
    status = ended(engine, ask(engine, request("bad")))
    assert status.state == "failed"
    assert status.error is not None
    assert "secret" not in status.error
    assert "secret" in caplog.text
    assert ended(engine, ask(engine, request("good"))).state == "done"


def test_memory_that_runs_out_is_a_sentence(engine_of: Callable[..., LocalEngine]) -> None:
    def run(req: Request, context: Context) -> Iterator[Output]:
        torch.empty(2**55)
        yield output(0, req)

    engine = engine_of(run)
    status = ended(engine, ask(engine, request()))
    assert status.state == "failed"
    assert "memory" in (status.error or "")


def test_results_are_saved(engine_of: Callable[..., LocalEngine], tmp_path: Path) -> None:
    engine = engine_of(stepping(1, []), storage=Storage(tmp_path))
    status = ended(engine, ask(engine, request("kept")))
    path = status.outputs[0].path
    assert path is not None
    assert Path(path).is_file()


def test_what_cannot_run_is_refused_before_it_is_queued(
    engine_of: Callable[..., LocalEngine],
) -> None:
    engine = engine_of(stepping(1, []))
    with pytest.raises(UnknownName, match="tiny"):
        ask(engine, request(model="tinny"))
    with pytest.raises(UnknownName):
        ask(engine, request(loras=[{"name": "absent"}]))
    with pytest.raises(UnknownName):
        ask(engine, Request(Txt2ImgSettings(model="tiny"), branch=Branch("nobody", 0)))
    with pytest.raises(UnknownName):
        engine.status("nobody")


def test_a_size_that_cannot_fit_says_what_would(
    engine_of: Callable[..., LocalEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = engine_of(stepping(1, []))
    monkeypatch.setattr("backend.modes.limits.free_bytes", lambda device: 64 * 2**20)
    with pytest.raises(OutOfMemory, match="would fit"):
        ask(engine, request(width=2048, height=2048, batch_size=8))


def test_close_stops_everything(models: Path) -> None:
    engine = LocalEngine(
        Catalog([models], FAMILIES),
        ModelManager(lambda name: None, 1),
        pick("cpu", "float32"),
        None,
        run=stepping(10_000, []),
    )
    running, waiting = ask(engine, request()), ask(engine, request())
    until(engine, running, lambda now: now.state != "queued")
    engine.close()
    assert engine.status(running).state == "stopped"
    assert engine.status(waiting).state == "stopped"


def test_the_default_model_is_told_of_until_it_is_in_memory(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load, asked = threading.Event(), threading.Event()

    def slowly(*_: object) -> None:
        asked.set()
        assert may_load.wait(60)

    monkeypatch.setattr("backend.engine.local.engine.warm", slowly)
    engine = LocalEngine.create([models], Storage(tmp_path), device="cpu", dtype="float32")
    try:
        assert engine.memory().loading == "tiny"
        assert asked.wait(60)
        assert engine.memory().loading == "tiny"
        may_load.set()
        deadline = time.monotonic() + 60
        while engine.memory().loading:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        may_load.set()
        engine.close()


def test_tokens_are_counted_without_loading_a_model(engine_of: Callable[..., LocalEngine]) -> None:
    engine = engine_of(lambda request, context: iter(()))  # its loader fails
    assert engine.count_tokens("tiny", "a red house BREAK fish") == TokenCount((3, 1), 75)
    assert engine.count_tokens("nowhere", "a") is None

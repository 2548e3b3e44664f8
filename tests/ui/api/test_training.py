"""The endpoint /train_lora as Gradio calls it; tests/ui/panels/test_train.py asks a server."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from backend.contracts.settings.train_lora import TrainLoraSettings
from backend.engine.fake.engine import FakeEngine
from tests.jobs import ended
from ui.api.training import train_lora_endpoint
from ui.server.roles import check_call

REQUEST: Any = SimpleNamespace(request=None, username=None, session_hash="a script")


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    made = FakeEngine(step_time_s=0.001)
    yield made
    made.close()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    monkeypatch.setattr("ui.server.uploads.get_upload_folder", lambda: str(tmp_path))
    monkeypatch.setattr("ui.api.training.new_folder", lambda: tmp_path)
    monkeypatch.setattr("ui.api.training.REPORT_EVERY_S", 0.001)
    for number in range(2):
        Image.new("RGB", (40, 40)).save(tmp_path / f"{number}.png")
    return [{"path": str(tmp_path / f"{number}.png")} for number in range(2)]


def endpoint(engine: FakeEngine) -> Any:
    studio: Any = SimpleNamespace(engine=engine)
    return train_lora_endpoint(studio)


def values(function: Any, **given: Any) -> list[Any]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return [given.get(one.name, one.default) for one in parameters]


def told(function: Any, **given: Any) -> list[Any]:
    async def every() -> list[Any]:
        return [each async for each in function(REQUEST, *values(function, **given))]

    return asyncio.run(every())


def test_it_has_the_settings_fields_and_then_the_pictures(engine: FakeEngine) -> None:
    parameters = list(inspect.signature(endpoint(engine)).parameters.values())
    assert [one.name for one in parameters] == [
        "request",
        *TrainLoraSettings.model_fields,
        "pictures",
        "captions",
    ]
    assert parameters[1].default == ""  # a name is given or refused by a sentence


def test_it_tells_its_loss_and_ends_with_its_pictures(
    engine: FakeEngine, files: list[dict[str, str]]
) -> None:
    engine.step_time_s = 0.05
    function = endpoint(engine)

    async def every() -> list[Any]:
        found = []
        given = values(function, name="ink", steps=400, pictures=files, captions=["a", "b"])
        async for each in function(REQUEST, *given):
            found.append(each)
            if each[1].get("loss"):
                engine.step_time_s = 0  # the rest need not be looked at
        return found

    *reports, (made, info) = asyncio.run(every())
    assert all(pictures == [] for pictures, _ in reports)
    assert any(report["loss"] for _, report in reports)
    assert {report["job"] for _, report in reports} == {info["job"]}
    assert info["training"]["lora"] == "ink"
    assert len(made) == len(info["training"]["validated"])
    assert np.asarray(Image.open(made[-1]["path"])).shape == (256, 256, 3)
    assert "ink" in {lora.name for lora in engine.library().loras}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "x"}, "no pictures"),
        ({}, "Give the LoRA a name"),
        ({"name": "x", "captions": ["a"], "pictures": [{}, {}]}, "1 captions for 2 files"),
        ({"name": "x", "rank": 0}, "rank"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence(
    engine: FakeEngine, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(gr.Error, match=words):
        told(endpoint(engine), **given)


def test_a_client_that_goes_away_stops_it(engine: FakeEngine, files: list[dict[str, str]]) -> None:
    engine.step_time_s = 0.05
    function = endpoint(engine)

    async def leave() -> str:
        reports = function(
            REQUEST, *values(function, name="ink", steps=5000, pictures=files, captions=[])
        )
        _, report = await anext(reports)
        await reports.aclose()
        return str(report["job"])

    job = asyncio.run(leave())
    assert ended(engine, job).state == "stopped"


def test_a_training_that_was_stopped_is_refused_with_the_reason(
    engine: FakeEngine, files: list[dict[str, str]]
) -> None:
    engine.step_time_s = 0.05
    function = endpoint(engine)

    async def stopped() -> None:
        given = values(function, name="ink", steps=5000, pictures=files, captions=[])
        async for _, report in function(REQUEST, *given):
            engine.cancel(report["job"])

    with pytest.raises(gr.Error, match="Stopped"):
        asyncio.run(stopped())


def test_it_is_for_owners(engine: FakeEngine) -> None:
    guest = SimpleNamespace(request=SimpleNamespace(state=SimpleNamespace(role="guest")))
    with pytest.raises(Exception, match="this is for owners"):
        check_call(endpoint(engine), guest)

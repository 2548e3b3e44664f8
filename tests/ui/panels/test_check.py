"""Two pictures side by side: what sets their recipes apart, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.storage.outputs import Storage
from backend.storage.presets import PresetStore
from backend.storage.styles import StyleFiles
from tests.jobs import ended
from ui.panels.check import check_panel
from ui.server.studio import Studio


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    storage = Storage(tmp_path)
    engine = FakeEngine(storage=storage, step_time_s=0.002)
    yield Studio(
        engine,
        PresetStore(tmp_path / "none", tmp_path / "presets"),
        storage,
        StyleFiles(tmp_path / "none.csv", tmp_path / "styles.csv"),
    )
    engine.close()


def compare(studio: Studio, one: Any, other: Any) -> dict[str, Any]:
    panel: Any = check_panel(studio)
    return panel.compare({"one": one, "other": other}, None)


def drawn(studio: Studio, **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A picture as the page names a result, and as it names one of the history."""
    settings = Txt2ImgSettings(**({"prompt": "a boat", "seed": 4, "steps": 2} | values))
    job = ask(studio.engine, Request(settings))
    (output,) = ended(studio.engine, job).outputs
    return {"job": job, "image": 0}, {"name": str(output.path)}


def test_what_differs_is_said_and_both_are_shown(studio: Studio) -> None:
    (one, _), (_, other) = drawn(studio), drawn(studio, seed=5, steps=3)
    told = compare(studio, one, other)
    assert told["one"]["label"] == "seed 4 · a boat"
    assert told["other"]["label"] == "seed 5 · a boat"
    assert told["one"]["src"]
    assert told["other"]["src"].startswith("gradio_api/file=")
    said = " ".join(told["words"]).lower()
    assert "seed" in said
    assert "steps" in said


def test_a_result_and_its_own_file_have_the_same_recipe(studio: Studio) -> None:
    here, there = drawn(studio)
    told = compare(studio, here, there)
    assert all("the same" in line for line in told["words"]), told["words"]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"job": "nobody's", "image": 0}, "no longer kept"),
        ({}, "no longer kept"),
        (None, "no longer kept"),
        ({"name": "../secret.png"}, "no such picture"),
    ],
)
def test_one_that_is_gone_is_a_sentence(studio: Studio, other: Any, words: str) -> None:
    here, _ = drawn(studio)
    assert words in compare(studio, here, other)["error"]


def test_nothing_chosen_is_a_sentence(studio: Studio) -> None:
    panel: Any = check_panel(studio)
    assert panel.compare("both", None) == {"error": "Choose two pictures to compare."}

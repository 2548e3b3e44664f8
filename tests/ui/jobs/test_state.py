"""What the stage is told of a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from backend.contracts.events import JobStatus, Output, Progress, Record, TimelineInfo
from ui.jobs.state import gone, label_of, result_of, state_of


def output(path: str | None = None, *, index: int = 0, **more: Any) -> Output:
    settings = more.pop("settings", {"seed": 7})
    record = Record("img2img", settings, {"name": "m", "hash": "h"}, more.pop("extra", {}))
    return Output(index, np.zeros((4, 6, 3), np.uint8), record, path, **more)


def test_a_saved_picture_is_named_where_gradio_serves_it(tmp_path: Path) -> None:
    told = result_of("t", output(str(tmp_path / "a b.png")))
    assert told["url"].startswith("gradio_api/file=/")
    assert told["url"].endswith("a%20b.png")
    assert (told["name"], told["width"], told["height"], told["seed"]) == ("a b.png", 6, 4, 7)


def test_a_picture_that_is_not_saved_is_asked_of_its_job() -> None:
    told = result_of("t/k", output(index=3, views={"obedience": np.zeros((4, 6, 3), np.uint8)}))
    assert told["url"] == "loom/jobs/t%2Fk/pictures/3"
    assert (told["name"], told["views"]) == ("latent-loom-7.png", ["obedience"])


def test_labels_say_what_sets_a_picture_apart() -> None:
    assert label_of(output()) == ""
    assert label_of(output(extra={"compared": "without"})) == "without"
    extra: dict[str, Any] = {"sigma": 1.234, "steps": 1}
    strength = {"seed": 7, "strength": 0.5}
    assert label_of(output(settings=strength, extra=extra)) == "strength 0.5 · σ 1.23 · 1 step"
    assert label_of(output(extra={"loop": 3})) == "loop 3"
    extra |= {"steps": 8, "inversion": {"psnr": 31.26}}
    assert label_of(output(settings=strength, extra=extra)).endswith(
        "8 steps · inverted, gives the picture back at 31.3 dB"
    )


def test_a_model_that_loads_is_a_state_of_its_own() -> None:
    status = JobStatus("t", "running", 0, Progress("loading", note="Loading a model"))
    told = state_of(status)
    assert (told["state"], told["note"], told["timeline"]) == ("loading", "Loading a model", None)


def test_a_state_holds_numbers_and_short_texts() -> None:
    info = {"elapsed_s": 2.5, "notes": ["a"], "secret": 1, "settings": {"fps": 12, "prompt": "p"}}
    timeline = TimelineInfo(9, 1, ())
    status = JobStatus(
        "t", "done", 0, Progress("saving", 9, 9, 2.0), (output(),), None, info, timeline, 4
    )
    told = state_of(status)
    assert (told["state"], told["elapsed"], told["timeline"]) == (
        "done",
        2.5,
        {"steps": 9, "batch": 1},
    )
    both = TimelineInfo(8, 1, (), (0,) * 5 + (1,) * 3)
    twice = state_of(replace(status, timeline=both))
    assert twice["timeline"] == {"steps": 8, "batch": 1, "stages": [5, 3]}
    foretold = state_of(replace(status, timeline=TimelineInfo(8, 1, (), (), (4, 6))))
    assert foretold["timeline"] == {"steps": 8, "batch": 1, "forecast": [4, 6]}
    assert told["told"] == {"notes": ["a"], "fps": 12}
    assert [result["seed"] for result in told["results"]] == [7]
    assert gone("x") == {"job": "x", "state": "gone"}


def test_a_grid_says_how_its_cells_lie_before_they_come() -> None:
    lying = {"columns": 2, "rows": 1, "labels": ["steps 4", "steps 8"]}
    running = JobStatus("t", "running", 0, Progress("sampling", 1, 9), info={"grid": lying})
    assert state_of(running)["told"] == {"grid": lying}
    assert result_of("t", output(index=4))["place"] == 4

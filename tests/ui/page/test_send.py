"""What is sent to another tab: a result of a job, or a picture of the history."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import Record
from backend.contracts.settings import parse
from backend.recipes.metadata import read
from backend.storage.history import History
from backend.storage.makers import HOST
from backend.storage.outputs import Storage
from ui.page.send import _sent, chosen, kept
from ui.server.studio import Studio


def record(seed: int) -> Record:
    return Record(
        "txt2img", parse("txt2img", {"prompt": "a boat", "seed": seed}).model_dump(mode="json"), {}
    )


OUTPUTS = tuple(
    SimpleNamespace(image=np.zeros((8, 8, 3), np.uint8), record=record(seed)) for seed in (1, 2)
)


class Engine:
    def results(self, token: str) -> tuple[Any, ...]:
        if token != "job":
            raise BadInput("This job is not known.")
        return OUTPUTS


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    storage = Storage(tmp_path)
    made = SimpleNamespace(engine=Engine(), storage=storage, history=History(storage))
    return cast(Studio, made)


@pytest.mark.parametrize(
    ("job", "image", "seed"),
    [
        ("job", 1, 2),
        ("job", None, 1),
        ("job", True, 1),
        ("job", 2, None),
        ("x", 0, None),
        (7, 0, None),
    ],
)
def test_the_picture_that_the_page_names(studio: Studio, job: Any, image: Any, seed: Any) -> None:
    found = chosen(studio.engine, job, image)
    assert (found.record.settings["seed"] if found else None) == seed


def test_a_result_and_a_past_picture_arrive_as_files_with_their_recipe(studio: Studio) -> None:
    path = studio.storage.save_output(np.zeros((8, 8, 3), np.uint8), record(5))
    sent = _sent(studio, {"name": f"{path.parent.name}/{path.name}"}, HOST)
    assert sent is not None
    assert Path(sent).read_bytes() == path.read_bytes()
    result = _sent(studio, {"job": "job", "image": 1}, HOST)
    assert result is not None
    assert read(Path(result).read_bytes()).settings["seed"] == 2
    assert read(Path(kept(cast(Any, OUTPUTS[0]))).read_bytes()).settings["seed"] == 1


@pytest.mark.parametrize("asked", [{"name": "../x.png"}, {"job": "gone"}, {}])
def test_what_is_gone_sends_nothing(studio: Studio, asked: dict[str, Any]) -> None:
    assert _sent(studio, asked, HOST) is None

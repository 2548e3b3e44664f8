"""The local engine's work: what a look at a stored step may cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.contracts.events import JobStatus
from backend.contracts.requests import Request, VideoRequest
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.manager import ModelManager
from backend.models.memory.devices import pick
from tests.jobs import ended
from tests.tiny import tiny_checkpoint


class Studio:
    """An engine whose models are counted as they are loaded."""

    def __init__(self, root: Path) -> None:
        tiny_checkpoint(root / "checkpoints" / "tiny")
        catalog, target = Catalog([root], FAMILIES), pick("cpu", "float32")
        self.loads = 0

        def load(name: str) -> Checkpoint:
            self.loads += 1
            return FAMILIES.load(catalog.checkpoint(name), target)

        self.models: ModelManager[Checkpoint] = ModelManager(load, 2**30)
        self.engine = LocalEngine(catalog, self.models, target, None)

    def draw(self) -> JobStatus:
        settings = {"model": "tiny", "steps": 2, "width": 64, "height": 64, "seed": 1}
        status = ended(self.engine, ask(self.engine, Request(parse("txt2img", settings))))
        assert status.state == "done", status.error
        return status


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path)
    yield made
    made.engine.close()


def test_a_look_at_a_step_is_in_full_size_while_the_model_is_there(studio: Studio) -> None:
    token = studio.draw().token
    assert studio.engine.timeline_frame(token, 0).shape == (64, 64, 3)
    assert studio.loads == 1


def test_a_look_at_a_step_never_loads_a_model(studio: Studio) -> None:
    token = studio.draw().token
    studio.models.free()  # as models do that nobody used for a while
    for kind in ("x0", "xt"):
        # The fast kind, whose map gives 4x4 colours for each of the 8x8 cells.
        assert studio.engine.timeline_frame(token, 0, kind).shape == (32, 32, 3)
    assert (studio.loads, studio.models.names) == (1, ())


def test_a_video_is_in_full_size_and_loads_what_it_needs(studio: Studio) -> None:
    token = studio.draw().token
    studio.models.free()
    made = studio.engine.submit(VideoRequest(token))
    assert ended(studio.engine, made).state == "done"
    assert studio.engine.file(made) is not None
    assert studio.loads == 2


def test_a_shortage_lets_go_of_steps_of_past_runs_too(studio: Studio) -> None:
    token = studio.draw().token
    assert studio.engine.timeline(token) is not None
    studio.engine._shop.relieve()
    assert studio.engine.timeline(token) is None

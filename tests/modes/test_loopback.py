"""A loopback through the engine on a small random model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import parse
from backend.contracts.settings.loopback import LoopbackSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from tests.jobs import ended
from tests.modes.test_img2img import engine, scene, settings

__all__ = ["engine"]  # the fixture


def wanted(**values: Any) -> LoopbackSettings:
    plain = settings(strength=0.5, seed=3).model_dump()
    return LoopbackSettings.model_validate(plain | {"loops": 3, "strength_change": 0.8} | values)


def run(engine: LocalEngine, asked: Any, image: Any, branch: Branch | None = None) -> JobStatus:
    token = ask(engine, Request(asked, {"image": image}, branch, save=False))
    status = ended(engine, token)
    assert status.state == "done", status.error
    return status


def test_each_loop_is_img2img_of_the_picture_before(engine: LocalEngine) -> None:
    asked = wanted()
    status = run(engine, asked, scene())
    assert [output.index for output in status.outputs] == [0, 1, 2]
    source = scene()
    for number, output in enumerate(status.outputs):
        (alone,) = run(engine, asked.loop(number), source).outputs
        assert np.array_equal(output.image, alone.image)
        source = alone.image
    assert not np.array_equal(status.outputs[0].image, status.outputs[2].image)
    assert status.progress.step == status.progress.total


def test_the_record_of_a_loop_makes_it_again(engine: LocalEngine) -> None:
    status = run(engine, wanted(), scene(96, 80))
    second = status.outputs[1].record
    assert (second.mode, second.extra["loop"]) == ("loopback", 2)
    first = status.outputs[0].record
    assert second.extra["image_sha256"] == first.extra["image_sha256"]
    again = run(engine, parse(second.mode, second.settings), scene(96, 80))
    assert len(again.outputs) == 2
    assert np.array_equal(again.outputs[1].image, status.outputs[1].image)
    assert again.outputs[1].record.settings == second.settings


def test_a_branch_is_refused_by_a_sentence(engine: LocalEngine) -> None:
    token = ask(engine, Request(wanted(loops=1), {"image": scene()}, save=False))
    ended(engine, token)
    asked = Request(wanted(loops=1), {"image": scene()}, Branch(token, 1), save=False)
    with pytest.raises(BadInput, match="cannot be branched"):
        ask(engine, asked)


def test_without_a_picture_it_does_not_begin(engine: LocalEngine) -> None:
    with pytest.raises(BadInput, match="no picture to start from"):
        ask(engine, Request(wanted(), save=False))

"""A picture made larger, by any engine."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.pictures.fit import fit
from tests.engine.contract.conftest import MODEL, STEPS, Make
from tests.jobs import ended

SOURCE = np.random.default_rng(2).integers(0, 256, (32, 40, 3), dtype=np.uint8)


def larger(**values: object) -> Request:
    return Request(parse("upscale", {"seed": 5, "steps": STEPS} | values), {"image": SOURCE})


def test_lanczos_is_lanczos_and_names_no_model(make: Make) -> None:
    engine = make()
    status = ended(engine, ask(engine, larger(factor=2.0, model="nobody")))
    assert status.state == "done", status.error
    (output,) = status.outputs
    assert (output.image == fit(SOURCE, 80, 64, "crop").image).all()
    assert output.record.settings["model"] == ""
    assert (output.record.mode, output.record.settings["width"]) == ("upscale", 80)


def test_drawn_again_it_keeps_steps_and_is_another_picture(make: Make) -> None:
    engine = make()
    token = ask(engine, larger(factor=2.0, strength=0.5, model=MODEL, batch_size=2))
    status = ended(engine, token)
    assert status.state == "done", status.error
    assert [output.image.shape for output in status.outputs] == [(64, 80, 3)] * 2
    assert (status.outputs[0].image != status.outputs[1].image).any()
    timeline = engine.timeline(token)
    assert timeline is not None
    assert timeline.steps == STEPS // 2


def test_ways_are_compared(make: Make) -> None:
    engine = make()
    asked = larger(factor=2.0, strength=0.5, compare=True, model=MODEL)
    outputs = ended(engine, ask(engine, asked)).outputs
    told = [output.record.extra["compared"] for output in outputs]
    assert told == ["Lanczos", "Lanczos, drawn again 0.5"]
    assert [output.record.settings["strength"] for output in outputs] == [0.0, 0.5]


def test_it_needs_a_picture(make: Make) -> None:
    with pytest.raises(BadInput, match="add the one to enlarge"):
        ask(make(), Request(parse("upscale", {})))

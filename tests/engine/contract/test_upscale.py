"""A picture made larger, by any engine."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.pictures.fit import fit
from tests.engine.contract.conftest import LARGER, MODEL, STEPS, Make, wanted
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


def test_a_diffusion_upscaler_draws_a_picture_for_each_seed(make: Make) -> None:
    engine = make()
    asked = larger(factor=4.0, upscaler=LARGER, upscaler_steps=3, batch_size=2, prompt="a boat")
    token = ask(engine, asked)
    status = ended(engine, token)
    assert status.state == "done", status.error
    assert [output.image.shape for output in status.outputs] == [(128, 160, 3)] * 2
    assert (status.outputs[0].image != status.outputs[1].image).any()
    told = status.outputs[1].record.settings
    assert (told["seed"], told["noise_level"], told["model"]) == (6, 20, "")
    timeline = engine.timeline(token)
    assert timeline is not None
    assert timeline.steps == 3


def test_a_cascade_keeps_the_picture_of_each_stage_in_one_timeline(make: Make) -> None:
    engine = make()
    token = ask(engine, wanted(batch_size=2, stages=[{"model": LARGER, "steps": 3}]))
    status = ended(engine, token)
    assert status.state == "done", status.error
    assert [output.image.shape[0] for output in status.outputs] == [64, 64, 256, 256]
    assert [output.record.extra["stage"] for output in status.outputs] == [1, 1, 2, 2]
    assert "stages" not in status.outputs[1].record.settings
    assert status.outputs[3].record.settings["stages"][0]["factor"] == 4
    timeline = engine.timeline(token)
    assert timeline is not None
    assert timeline.steps == STEPS + 3

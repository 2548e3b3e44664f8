"""LoRAs side by side, through the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import LoraMixSettings, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from tests.modes.test_mixing import ended, picture, run
from tests.modes.test_mixing import engine as mixing_engine
from tests.modes.test_mixing import settings as txt2img

engine = mixing_engine
BOTH = [{"name": "ink", "weight": 0.5, "end": 0.5}, {"name": "neon", "weight": -0.5}]


def mix(**values: Any) -> LoraMixSettings:
    return LoraMixSettings.model_validate(txt2img(**values).model_dump() | {"compare": True})


@pytest.fixture
def plain(engine: LocalEngine) -> Iterator[np.ndarray]:
    """The picture without LoRAs, the same before and after."""
    before = picture(run(engine, txt2img()))
    yield before
    assert np.array_equal(picture(run(engine, txt2img())), before)


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "heun", "euler_a"])
def test_each_variant_is_what_it_is_alone(
    engine: LocalEngine, plain: np.ndarray, sampler: str
) -> None:
    schedule = {"sampler": sampler, "schedule": "model" if sampler == "euler_a" else "karras"}
    status = run(engine, mix(loras=BOTH, **schedule))
    assert [output.record.extra["compared"] for output in status.outputs] == [
        "no LoRA",
        "ink 0.5",
        "neon -0.5",
        "all together",
    ]
    for output, loras in zip(status.outputs, ([], BOTH[:1], BOTH[1:], BOTH), strict=True):
        alone = run(engine, txt2img(loras=loras, **schedule))
        assert np.array_equal(output.image, picture(alone))
        assert output.record.extra["lora_hashes"].keys() == {use["name"] for use in loras}
        again = parse(output.record.mode, output.record.settings)
        assert isinstance(again, LoraMixSettings)
        assert np.array_equal(picture(run(engine, again)), output.image)
    assert status.timeline is not None
    assert status.timeline.batch == 4


def test_a_batch_of_one_lora(engine: LocalEngine, plain: np.ndarray) -> None:
    status = run(engine, mix(loras=BOTH[:1], batch_size=2, steps=2))
    assert [output.record.settings["seed"] for output in status.outputs] == [3, 4, 3, 4]
    assert [output.record.extra["compared"] for output in status.outputs] == [
        "no LoRA",
        "no LoRA",
        "ink 0.5",
        "ink 0.5",
    ]


def test_without_compare_it_is_txt2img(engine: LocalEngine) -> None:
    alone = mix(loras=BOTH).model_copy(update={"compare": False})
    assert np.array_equal(picture(run(engine, alone)), picture(run(engine, txt2img(loras=BOTH))))


def test_a_comparison_is_not_branched(engine: LocalEngine) -> None:
    wanted = mix(loras=BOTH, steps=2)
    token = ask(engine, Request(wanted, save=False))
    ended(engine, token)
    with pytest.raises(BadInput, match="LoRAs side by side"):
        ask(engine, Request(wanted, branch=Branch(token, 0)))

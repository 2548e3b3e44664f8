"""A run that is looked at is the run itself, with a map for each word and step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.contracts.errors import BadInput
from backend.contracts.lab.words import AttentionSettings
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.local.engine import LocalEngine
from backend.modes.lab.attention import check_prompt, strip
from tests.modes.lab.looking import SIZE, looked

RUN = {**SIZE, "prompt": "a boat, red", "steps": 3, "seed": 4}


def test_looking_changes_nothing_and_sees_every_step(engine: LocalEngine) -> None:
    plain = looked(engine, Txt2ImgSettings(**RUN, sampler="euler", schedule="model"))
    seen = looked(engine, AttentionSettings(**RUN))
    assert np.array_equal(plain.outputs[0].image, seen.outputs[0].image)
    found, views = seen.info["lab"], seen.outputs[0].views
    assert found["words"] == ("a", "boat", "red")
    width, height = found["size"]
    assert all(len(row) == found["steps"] == 3 for row in found["shares"])
    assert all(0 < share < 1 for row in found["shares"] for share in row)
    assert {view.shape for view in views.values()} == {(height, 3 * width, 3)}
    again = looked(engine, Txt2ImgSettings(**RUN, sampler="euler", schedule="model"))
    assert np.array_equal(plain.outputs[0].image, again.outputs[0].image)


@pytest.mark.parametrize("prompt", ["a boat AND a house", "a [boat:house:0.5]", "", ", ."])
def test_prompts_without_one_place_for_each_word_are_refused(
    engine: LocalEngine, prompt: str
) -> None:
    with pytest.raises(BadInput):
        looked(engine, AttentionSettings(**{**RUN, "prompt": prompt}))
    check_prompt(AttentionSettings(prompt="a (boat:1.2)"))


def test_a_strip_lies_side_by_side_to_one_scale() -> None:
    made = strip(torch.tensor([[[0.0, 1.0]], [[2.0, 4.0]]]))
    assert made[..., 0].tolist() == [[0, 64, 128, 255]]
    assert strip(torch.ones(1, 1, 1)).max() == 0

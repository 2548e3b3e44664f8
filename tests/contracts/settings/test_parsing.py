"""What is at fault in values is said in one sentence, with the field's name."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import Img2ImgSettings, Txt2ImgSettings
from backend.contracts.settings.parsing import parsed


def test_right_values_become_settings() -> None:
    found = parsed(Txt2ImgSettings, {"prompt": "a boat", "steps": 7})
    assert isinstance(found, Txt2ImgSettings)
    assert (found.prompt, found.steps) == ("a boat", 7)


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"stepz": 3}, "stepz", "There is no setting 'stepz' in txt2img; check its spelling."),
        ({"steps": 0}, "steps", "greater than or equal to 1"),
        ({"steps": "20"}, "steps", "must be a number, not text"),
        ({"loras": [{"name": "ink", "weight": 99.0}]}, "loras.0.weight", "less than or equal"),
        ({"x" * 500: 1}, "x" * 500, "x" * 80 + "' in"),
    ],
)
def test_the_first_fault_is_named(values: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        parsed(Txt2ImgSettings, values)
    assert said in str(refused.value)
    assert refused.value.field == field


def test_what_a_model_of_settings_says_itself_is_a_sentence_too() -> None:
    with pytest.raises(BadInput) as refused:
        parsed(Img2ImgSettings, {"guidance_start": 0.9, "guidance_end": 0.1})
    assert str(refused.value) == "guidance_start must not lie after guidance_end."
    assert refused.value.field is None

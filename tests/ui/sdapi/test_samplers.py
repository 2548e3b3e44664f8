"""Samplers and schedules of a payload, as A1111 settles them; what does not exist is refused."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from ui.sdapi.payloads import Txt2Img
from ui.sdapi.samplers import sampler_of


@pytest.mark.parametrize(
    ("sent", "pair"),
    [
        ({}, ("euler", "model")),
        ({"sampler_name": "DPM++ 2M"}, ("dpmpp_2m", "karras")),
        ({"sampler_name": "DPM++ 2M", "scheduler": "automatic"}, ("dpmpp_2m", "karras")),
        ({"sampler_name": "DPM++ 2M", "scheduler": "Uniform"}, ("dpmpp_2m", "model")),
        ({"sampler_name": "DPM++ 2M", "scheduler": "Exponential"}, ("dpmpp_2m", "exponential")),
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": "Uniform"}, ("dpmpp_2m", "karras")),
        ({"sampler_name": "DPM++ 2M Exponential"}, ("dpmpp_2m", "exponential")),
        ({"sampler_name": "DPM++ 2M SDE"}, ("dpmpp_2m_sde", "exponential")),
        ({"sampler_index": "Heun"}, ("heun", "model")),
    ],
)
def test_pairs(sent: dict[str, Any], pair: tuple[str, str]) -> None:
    assert sampler_of(Txt2Img(**sent)) == ({"sampler": pair[0], "schedule": pair[1]}, None)


def test_what_is_only_near_is_said() -> None:
    pair, note = sampler_of(Txt2Img(sampler_name="Euler", scheduler="Normal"))
    assert pair["schedule"] == "model"
    assert note is not None
    assert "is the nearest" in note


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        ({"sampler_name": "Restart"}, "sampler_name", "no sampler 'Restart'"),
        ({"sampler_name": "Euler", "scheduler": "Beta"}, "scheduler", "choose one of: Automatic"),
        ({"sampler_name": "DDIM", "scheduler": "Karras"}, "scheduler", "no schedule 'Karras'"),
    ],
)
def test_what_is_not_there_is_refused_with_the_choices(
    sent: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(BadInput, match=said) as error:
        sampler_of(Txt2Img(**sent))
    assert error.value.field == field

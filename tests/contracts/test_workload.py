"""How much a job has to do: in proportion to steps, pixels, pictures and guidance."""

from __future__ import annotations

import pytest

from backend.contracts.settings import (
    Img2ImgSettings,
    LoraMixSettings,
    LoraUse,
    Settings,
    Txt2ImgSettings,
    XyzGridSettings,
)
from backend.contracts.workload import later_weight, work

SIZE = {"width": 64, "height": 64, "guidance_scale": 1.0}
ONE = work(Txt2ImgSettings(**SIZE, steps=10))


def test_a_plain_picture_is_its_steps_times_its_pixels() -> None:
    assert ONE == 10 * 64 * 64


@pytest.mark.parametrize(
    ("settings", "times"),
    [
        (Txt2ImgSettings(**SIZE, steps=20), 2),
        (Txt2ImgSettings(**SIZE | {"guidance_scale": 4.0}, steps=10), 2),
        (Txt2ImgSettings(**SIZE | {"width": 128}, steps=10), 2),
        (Txt2ImgSettings(**SIZE, steps=10, prompt="a AND b"), 3),
        (Txt2ImgSettings(**SIZE | {"guidance_scale": 4.0}, steps=10, prompt="a AND b AND c"), 4),
        (Txt2ImgSettings(**SIZE, steps=10, prompt_b="a AND b", prompt_mix=0.5), 3),
        (Txt2ImgSettings(**SIZE, steps=10, batch_size=3, batch_count=2), 6),
        (Img2ImgSettings(**SIZE, steps=10, strength=0.5), 0.5),
        (Img2ImgSettings(**SIZE, steps=10, strengths=(0.5, 1.0)), 1.5),
        (LoraMixSettings(**SIZE, steps=10, compare=True, loras=(LoraUse(name="a"),)), 2),
        (XyzGridSettings(**SIZE, x_field="steps", x_values="10, 20"), 3),
    ],
)
def test_it_grows_with_what_is_asked_for(settings: Settings, times: float) -> None:
    assert work(settings) == times * ONE


def test_a_second_stages_step_weighs_as_its_pixels() -> None:
    assert later_weight(Txt2ImgSettings(**SIZE, hires_scale=2.0)) == 4.0
    assert later_weight(Txt2ImgSettings(**SIZE)) == later_weight(Img2ImgSettings(**SIZE)) == 1.0

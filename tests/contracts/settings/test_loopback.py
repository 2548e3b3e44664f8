"""Settings of a loopback: what each loop is by itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from backend.contracts.errors import BadInput
from backend.contracts.settings import Img2ImgSettings, parse, steps_of
from backend.contracts.settings.loopback import LoopbackSettings


def made(**values: Any) -> LoopbackSettings:
    return LoopbackSettings.model_validate({"seed": 7, "steps": 10, "strength": 0.5} | values)


def test_each_loop_is_img2img_with_the_next_seed_and_its_strength() -> None:
    settings = made(loops=3, strength_change=0.8, prompt="a house")
    assert settings.ladder == pytest.approx((0.5, 0.4, 0.32))
    assert settings.picture_count == 3
    assert steps_of(settings) == 5 + 4 + 3
    loop = settings.loop(2)
    assert type(loop) is Img2ImgSettings
    assert (loop.seed, loop.prompt, loop.ladder) == (9, "a house", (settings.ladder[2],))


def test_a_strength_ends_at_one() -> None:
    assert made(loops=4, strength=0.8, strength_change=1.5).ladder == (0.8, 1.0, 1.0, 1.0)


def test_the_run_until_a_loop_has_the_loops_before_it() -> None:
    settings = made(loops=4, strength_change=0.9)
    assert settings.until(1).ladder == settings.ladder[:2]
    assert parse("loopback", settings.until(1).model_dump(mode="json")) == settings.until(1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"strengths": (0.5, 0.6)}, "no strength ladder"),
        ({"batch_size": 2}, "one picture at a time"),
        ({"batch_count": 2}, "one picture at a time"),
        ({"outpaint_left": 8}, "keeps its size"),
        ({"strength": 0.1, "strength_change": 0.5, "loops": 2}, "runs no step at all"),
        ({"loops": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_go_round_is_said(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        made(**values)


def test_a_branch_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot be branched"):
        made().part_like(made().loop(0))

"""The stages of a run, as its stored steps name them."""

from __future__ import annotations

from backend.contracts.settings import HiresStage, parse
from backend.engine.jobs.stages import stages_of

SIZE = {"width": 64, "height": 64, "guidance_scale": 2.0}


def test_the_stages_are_those_that_steps_are_kept_under() -> None:
    twice = parse("txt2img", {"width": 64, "height": 64, "guidance_scale": 2.0, "hires_scale": 2.0})
    first, second = stages_of(twice)
    assert (first.drawn_size, second.drawn_size) == ((64, 64), (128, 128))
    assert isinstance(second, HiresStage)
    for mode in ("txt2img", "img2img"):
        once = parse(mode, SIZE)
        assert stages_of(once) == (once,)

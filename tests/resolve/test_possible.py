"""What a mode could not run is refused with a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import parse
from backend.resolve import possible
from tests.resolve.library import LIBRARY, PICTURE

EULER = {"sampler": "euler", "schedule": "karras"}
DDIM = {"sampler": "ddim", "schedule": "model"}


@pytest.mark.parametrize(
    ("mode", "values", "beside", "message"),
    [
        ("style_transfer", {"outpaint_left": 8}, {}, "to extend a picture, use img2img"),
        ("style_transfer", {"only_masked": True}, {}, "set start_from to 'picture' to paint"),
        ("style_transfer", {}, {"images": {"mask": PICTURE}}, "A mask keeps the rest"),
        ("style_transfer", {"strengths": [0.5, 1.0]}, {}, "A ladder of strengths starts"),
        ("morph", {"method": "walk"}, {"branch": Branch("job", 1)}, "cannot be branched"),
        ("morph", {"method": "quick"} | EULER, {}, "set the sampler to 'ddim', or take"),
        ("txt2img", {"sampler": "plms"}, {}, "There is no sampler 'plms'; did you mean 'lms'"),
        ("txt2img", {"sampler": "eulera"}, {}, "did you mean 'euler_a' or 'euler'"),
        ("txt2img", {"sampler": "ddim"}, {}, "'karras' does not exist for sampler 'ddim'; choose"),
        ("txt2img", {"eta": 0.5}, {}, "only 'ddim' has an eta; set it to 0 for 'dpmpp_2m'"),
        ("img2img", {"start_noise": "inverted"}, {}, "inverted by DDIM; set the sampler to 'ddim'"),
    ],
)
def test_it_is_refused(
    mode: str, values: dict[str, Any], beside: dict[str, Any], message: str
) -> None:
    settings = parse(mode, values)
    with pytest.raises(BadInput, match=message):
        possible.check(settings, Request(settings, **beside), LIBRARY)


@pytest.mark.parametrize(
    ("mode", "values"),
    [
        ("txt2img", {}),
        ("style_transfer", {}),
        ("style_transfer", {"start_from": "picture", "strengths": [0.5], "only_masked": True}),
        ("morph", {"method": "walk"} | EULER),
        ("morph", {"method": "fine"}),
        ("txt2img", DDIM | {"eta": 0.5}),
        ("img2img", DDIM | {"start_noise": "inverted"}),
    ],
)
def test_the_rest_may_run(mode: str, values: dict[str, Any]) -> None:
    settings = parse(mode, values)
    possible.check(settings, Request(settings), LIBRARY)


@pytest.mark.parametrize(
    ("mode", "values", "images"),
    [
        ("style_transfer", {"outpaint_left": 8, "outpaint_top": 16}, {}),
        ("style_transfer", {"only_masked": True}, {}),
        ("style_transfer", {}, {"mask": PICTURE}),
        ("style_transfer", {"strengths": [0.5, 1.0]}, {}),
        ("morph", {"method": "quick", "sampler": "euler"}, {}),
    ],
)
def test_the_fix_that_is_offered_is_one(
    mode: str, values: dict[str, Any], images: dict[str, Any]
) -> None:
    settings = parse(mode, values)
    with pytest.raises(BadInput) as refused:
        possible.check(settings, Request(settings, images=images), LIBRARY)
    assert refused.value.fix is not None
    mended = parse(mode, values | dict(refused.value.fix.changes))
    possible.check(mended, Request(mended, images=images), LIBRARY)

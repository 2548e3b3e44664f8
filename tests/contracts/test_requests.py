"""Requests hold settings and pixels; one without its picture is refused."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Branch, Request, ResolvedRequest, check_pictures
from backend.contracts.settings import Img2ImgSettings, StyleTransferSettings, Txt2ImgSettings

PICTURE = np.zeros((8, 8, 3), np.uint8)


def test_a_run_by_itself_keeps_what_belongs_to_all() -> None:
    one, two = Txt2ImgSettings(seed=1), Txt2ImgSettings(seed=2)
    request = ResolvedRequest(one, {"image": PICTURE}, Branch("job", 3), False, (one, two))
    alone = request.single(two)
    assert type(alone) is Request
    assert alone.settings is two
    assert alone.images["image"] is PICTURE
    assert (alone.branch, alone.save) == (Branch("job", 3), False)


def test_a_request_without_its_picture_says_what_to_add() -> None:
    check_pictures(Request(Txt2ImgSettings()))
    check_pictures(Request(Img2ImgSettings(), {"image": PICTURE}))
    check_pictures(Request(StyleTransferSettings(), {"control_image": PICTURE}))
    for settings in (Img2ImgSettings(), StyleTransferSettings()):
        with pytest.raises(BadInput) as refused:
            check_pictures(Request(settings))
        assert refused.value.field == "image"

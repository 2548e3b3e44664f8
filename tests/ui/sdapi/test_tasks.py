"""The same call under the same name is the same job, and nobody else's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.contracts.requests import Request
from backend.contracts.settings import parse
from ui.sdapi.tasks import token_of

REQUEST = Request(parse("img2img", {"prompt": "a house"}), {"image": np.zeros((8, 8, 3), np.uint8)})


def test_only_the_same_call_of_the_same_caller_is_the_same_job() -> None:
    token = token_of(b"key", "sdapi/@ada+x", "nightly", REQUEST)
    assert token == token_of(b"key", "sdapi/@ada+x", "nightly", replace(REQUEST))
    assert len(token) >= 40
    others = {
        token_of(b"other", "sdapi/@ada+x", "nightly", REQUEST),
        token_of(b"key", "sdapi/@bob+x", "nightly", REQUEST),
        token_of(b"key", "sdapi/@ada+", "xnightly", REQUEST),
        token_of(b"key", "sdapi/@ada+x", "nightly/1", REQUEST),
        token_of(b"key", "sdapi/@ada+x", "nightly", Request(REQUEST.settings)),
        token_of(b"key", "sdapi/@ada+x", "nightly",
                 replace(REQUEST, images={"image": np.ones((8, 8, 3), np.uint8)})),
        token_of(b"key", "sdapi/@ada+x", "nightly",
                 Request(parse("img2img", {"prompt": "a boat"}), REQUEST.images)),
    }  # fmt: skip
    assert len(others) == 7
    assert token not in others


def test_what_has_no_name_has_no_token() -> None:
    assert token_of(b"key", "sdapi/@ada+x", "", REQUEST) == ""

"""Documents are held to the samplers that the studio has."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.recipes.usable import usable, with_partner


def test_what_goes_together_is_taken() -> None:
    made = usable("txt2img", {"sampler": "ddim", "schedule": "model", "eta": 0.5})
    assert (made.sampler, made.schedule) == ("ddim", "model")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sampler": "plms"}, "no sampler 'plms'"),
        ({"sampler": "ddim", "schedule": "karras"}, "does not exist for sampler 'ddim'"),
        ({"steps": 0}, "'steps'"),
    ],
)
def test_the_rest_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        usable("txt2img", values)


def test_what_stands_or_falls_together() -> None:
    assert with_partner("height") == ("height", "width")
    assert with_partner("schedule") == ("schedule", "sampler")
    assert with_partner("eta") == ("eta",)

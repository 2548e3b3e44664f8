"""Documents are held to the samplers that the studio has."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.resolve.usable import large_seeds, usable, with_partner


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


def test_a_seed_of_more_than_32_bits_is_told() -> None:
    said = list(large_seeds({"seed": 2**40 + 7, "variation_seed": 3, "steps": 2**40}))
    assert said == [
        f"The seed {2**40 + 7} is kept whole; it draws the picture of 7, its rest by 2^32, as "
        "torch and diffusers do."
    ]

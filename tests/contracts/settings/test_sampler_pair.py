"""Settings and the sampler that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.samplers import SamplerEntry
from backend.contracts.settings import parse
from backend.contracts.settings.sampler_pair import check_inverts, check_sampler

SAMPLERS: Mapping[str, SamplerEntry] = {
    "plain": SamplerEntry("plain", "Plain", ("a", "b")),
    "rough": SamplerEntry("rough", "Rough", ("a",), smooth=False),
    "loose": SamplerEntry("loose", "Loose", ("a",), has_eta=True),
    "back": SamplerEntry("back", "There and back", ("b",), inverts=True),
    "both": SamplerEntry("both", "Both", ("b",), has_eta=True, inverts=True),
}


def check(mode: str = "txt2img", **values: Any) -> None:
    check_sampler(parse(mode, {"sampler": "plain", "schedule": "a"} | values), SAMPLERS)


def test_what_the_library_has_is_taken() -> None:
    check()
    check(schedule="b")
    check(sampler="loose", eta=0.5)
    check(sampler="rough")
    check("img2img", strengths=[0.5], forecast="fit")
    check("img2img", sampler="back", schedule="b", start_noise="inverted")


def test_a_sampler_that_is_not_there_is_refused_with_those_near_it() -> None:
    with pytest.raises(UnknownName, match="no sampler 'plane'; did you mean 'plain'") as caught:
        check(sampler="plane")
    assert caught.value.field == "sampler"


@pytest.mark.parametrize(
    ("mode", "values", "said", "field"),
    [
        ("txt2img", {"schedule": "c"}, "choose one of: a, b", "schedule"),
        ("txt2img", {"eta": 0.1}, "only 'loose' or 'both' has an eta; set it to 0", "eta"),
        ("img2img", {"start_noise": "inverted"}, "by There and back or Both; set", "sampler"),
        (
            "txt2img",
            {"sampler": "rough", "forecast": "fit"},
            "Rough draws fresh noise at each step.* take Plain or Loose or There and back or Both",
            "forecast",
        ),
        (
            "style_transfer",
            {"sampler": "loose", "eta": 0.5, "forecast": "fit"},
            "With an eta, or another variance, .* set 'eta' to 0",
            "forecast",
        ),
        (
            "img2img",
            {"strengths": [0.5, 1.0], "forecast": "reuse"},
            "Strengths side by side are drawn in full",
            "forecast",
        ),
        (
            "lora_mix",
            {"compare": True, "forecast": "fit"},
            "LoRAs side by side are drawn in full",
            "forecast",
        ),
    ],
)
def test_what_a_sampler_cannot_do_is_refused(
    mode: str, values: dict[str, Any], said: str, field: str
) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        check(mode, **values)
    assert caught.value.field == field


def test_inversion_asks_the_entry() -> None:
    check_inverts(SAMPLERS["back"], SAMPLERS)
    with pytest.raises(BadInput, match="set the sampler to 'back' or 'both'"):
        check_inverts(SAMPLERS["loose"], SAMPLERS)


def test_another_variance_belongs_to_samplers_with_an_eta() -> None:
    check(sampler="loose", variance="sigma_hat")
    with pytest.raises(BadInput, match="only 'loose' or 'both' has another variance") as refusal:
        check(variance="sigma_hat")
    assert refusal.value.field == "variance"
    kept = parse("txt2img", {"variance": "sigma_hat", "class_label": 3}).model_dump()
    assert (kept["variance"], kept["class_label"]) == ("sigma_hat", 3)
    assert not {"variance", "class_label"} & parse("txt2img", {}).model_dump().keys()

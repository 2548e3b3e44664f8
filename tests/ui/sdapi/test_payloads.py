"""What clients of A1111's interface send: passed over where it asks for nothing, else refused."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from ui.sdapi.payloads import _OFF, BatchImages, Detect, Img2Img, SingleImage, Txt2Img, Unit


@pytest.mark.parametrize(("name", "values"), _OFF.items())
def test_fields_that_are_switched_off_are_passed_over(name: str, values: tuple[Any, ...]) -> None:
    for value in values:
        Txt2Img.model_validate({name: value}).check()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("restore_faces", True),
        ("script_name", "SD upscale"),
        ("seed_resize_from_w", 512),
    ],
)
def test_what_this_studio_has_no_part_for_is_refused(name: str, value: Any) -> None:
    with pytest.raises(BadInput, match=f"{name}|{value}") as refused:
        Img2Img.model_validate({name: value}).check()
    assert refused.value.field == name


def test_null_is_the_default() -> None:
    sent = Txt2Img.model_validate({"negative_prompt": None, "seed": None, "n_iter": None})
    assert (sent.negative_prompt, sent.seed, sent.n_iter) == ("", -1, 1)
    assert sent.model_fields_set == set()


def test_a_seed_may_be_text_so_that_no_script_rounds_it() -> None:
    assert Txt2Img.model_validate({"seed": "9223372036854775817"}).seed == 2**63 + 9


def test_unknown_fields_of_newer_clients_do_no_harm() -> None:
    sent = Txt2Img.model_validate({"prompt": "a boat", "from_later": {"x": 1}})
    sent.check()
    assert sent.prompt == "a boat"


def test_keys_that_are_not_known_are_named_and_those_of_no_consequence_are_not() -> None:
    sent = Txt2Img.model_validate(
        {"wat": 1, "do_not_save_grid": True, "s_churn": 0, "initial_noise_multiplier": 0.8}
    )
    said = sent.passed_over()
    assert len(said) == 2
    assert "'wat' is not known" in said[0]
    assert "'initial_noise_multiplier'" in said[1]


def test_other_requests_name_them_too() -> None:
    single = {"image": "x", "codeformer_weight": 0.5, "upscale_first": True, "wat": 1}
    assert ["'wat'" in said for said in SingleImage.model_validate(single).passed_over()] == [True]
    assert len(BatchImages.model_validate({"imageList": [], "wat": 1}).passed_over()) == 1
    detect = {"controlnet_processor_res": 768, "controlnet_masks": None, "low_vram": True}
    assert "'controlnet_processor_res'" in Detect.model_validate(detect).passed_over()[0]


def test_a_unit_says_what_of_it_is_not_honoured() -> None:
    plain = {"processor_res": 512, "pixel_perfect": True, "hr_option": "Both", "guessmode": None,
             "advanced_weighting": None, "batch_images": "", "batch_modifiers": []}  # fmt: skip
    assert Unit.model_validate(plain).told() == []
    odd = plain | {"processor_res": 1024, "mask": "abc", "hr_option": "Low res only"}
    said = Unit.model_validate(odd).told()
    assert [word in " ".join(said) for word in ("mask", "'processor_res'", "'hr_option'")] == [
        True,
        True,
        True,
    ]
    assert Unit.model_validate(odd | {"enabled": False}).told() == []

"""What clients of A1111's interface send: passed over where it asks for nothing, else refused."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from ui.sdapi.payloads import _OFF, Img2Img, Txt2Img


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

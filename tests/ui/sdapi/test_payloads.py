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
        ("script_name", "X/Y/Z plot"),
        ("hr_resize_x", 512),
    ],
)
def test_what_this_studio_has_no_part_for_is_refused(name: str, value: Any) -> None:
    with pytest.raises(BadInput, match=name) as refused:
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

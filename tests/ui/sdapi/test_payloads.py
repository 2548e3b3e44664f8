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
        ("tiling", True),
        ("script_name", "X/Y/Z plot"),
        ("hr_resize_x", 512),
    ],
)
def test_what_this_studio_has_no_part_for_is_refused(name: str, value: Any) -> None:
    with pytest.raises(BadInput, match=name) as refused:
        Img2Img.model_validate({name: value}).check()
    assert refused.value.field == name


def test_styles_belong_into_the_prompt() -> None:
    Txt2Img.model_validate({"styles": []}).check()
    Txt2Img.model_validate({"styles": [""]}).check()
    with pytest.raises(BadInput, match="write them into the prompt"):
        Txt2Img.model_validate({"styles": ["Photo"]}).check()


def test_unknown_fields_of_newer_clients_do_no_harm() -> None:
    sent = Txt2Img.model_validate({"prompt": "a boat", "from_later": {"x": 1}})
    sent.check()
    assert sent.prompt == "a boat"

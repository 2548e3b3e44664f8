"""What is taken of a request for pictures, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from backend.contracts.errors import BadInput
from ui.openai.payloads import Asked, Edit, Generation, Variation


def test_fields_of_a_form_are_texts() -> None:
    sent = Edit.model_validate(
        {"prompt": "a boat", "n": "2", "size": "", "stream": "true", "partial_images": "1"}
    )
    assert (sent.n, sent.pixels, sent.stream, sent.partial_images) == (2, None, True, 1)
    assert Asked(size="640x320").pixels == (640, 320)
    assert Asked(size="auto").pixels is None


@pytest.mark.parametrize(
    "values",
    [
        {"prompt": ""},
        {"prompt": "a", "n": 11},
        {"prompt": "a", "size": "large"},
        {"prompt": "a", "wat": 1},
        {"prompt": "a", "output_format": "gif"},
        {"prompt": "a", "partial_images": 4},
    ],
)
def test_what_is_no_request_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Generation.model_validate(values)


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        (Generation, {"prompt": "a", "style": "vivid"}, "style"),
        (Generation, {"prompt": "a", "background": "transparent"}, "background"),
        (Generation, {"prompt": "a", "output_compression": 50}, "output_compression"),
        (Generation, {"prompt": "a", "partial_images": 2}, "partial_images"),
        (Edit, {"prompt": "a", "input_fidelity": "high"}, "input_fidelity"),
    ],
)
def test_what_has_no_counterpart_is_said(
    kind: type[Asked], values: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        kind.model_validate(values).check()
    assert refused.value.field == field


def test_what_asks_for_nothing_passes() -> None:
    Generation(prompt="a", background="auto", moderation="low", user="ada", quality="hd").check()
    Edit(prompt="a", input_fidelity="low", output_format="webp", output_compression=0).check()
    Variation().check()

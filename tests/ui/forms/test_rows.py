"""Rows kept as text: what is read, and what is refused by a sentence."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from ui.forms.rows import rows_of


@pytest.mark.parametrize(
    ("text", "rows"), [("", []), (None, []), ("[]", []), ('[{"name": "a"}]', [{"name": "a"}])]
)
def test_rows_are_a_list_of_objects(text: object, rows: list[object]) -> None:
    assert rows_of(text, 100, "loras", "no rows") == rows


@pytest.mark.parametrize("text", ["{}", "[1]", "[", "null", "7", "[" * 90, "[]" + " " * 99])
def test_what_is_none_is_refused_by_the_given_sentence(text: str) -> None:
    with pytest.raises(BadInput, match="no rows") as refused:
        rows_of(text, 100, "loras", "no rows")
    assert refused.value.field == "loras"

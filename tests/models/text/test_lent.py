"""A text part that holds no encoder."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.models.text.lent import LentText


def test_it_embeds_nothing_and_says_what_to_do() -> None:
    text = LentText()
    assert text.modules == {}
    for ask in (text.encode, text.unconditional):
        with pytest.raises(BadInput, match="into a folder beside it"):
            ask("a house")

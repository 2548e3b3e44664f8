"""An entry of the catalog: what it recommends where cards are silent."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from backend.contracts.capabilities import Capabilities
from backend.models.catalog.card import DEFAULT_GUIDANCE, Card
from backend.models.catalog.entry import Kind, ModelInfo, words
from backend.models.family import Anatomy


def guidance(card: Card, anatomy: Anatomy) -> float:
    return ModelInfo("x", Path("x"), "checkpoint", card=card, anatomy=anatomy).guidance_scale


@pytest.mark.parametrize(
    ("card", "anatomy", "scale"),
    [
        (Card(), Anatomy(), DEFAULT_GUIDANCE),
        (Card(), Anatomy(guidance_scale=9.0), 9.0),
        (Card(guidance_scale=4.0), Anatomy(guidance_scale=9.0), 4.0),
        (Card(guidance_scale=DEFAULT_GUIDANCE), Anatomy(guidance_scale=9.0), DEFAULT_GUIDANCE),
        (Card(guidance_scale=4.0), Anatomy(can=Capabilities(guidance="none")), 1.0),
    ],
)
def test_the_card_goes_before_the_family(card: Card, anatomy: Anatomy, scale: float) -> None:
    assert guidance(card, anatomy) == scale


def test_every_kind_has_words_for_people() -> None:
    said = {words(kind) for kind in get_args(Kind)}
    assert len(said) == len(get_args(Kind))
    assert words("checkpoint") == "model"

"""Chips of textual inversions: all that are here, and why one cannot be used."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from backend.contracts.library import EmbeddingEntry, Library
from ui.forms.embedding_chips import embedding_chips

HELD = Library(
    models=(),
    samplers={},
    embeddings=(
        EmbeddingEntry("moss", vectors=2, fits=("one",)),
        EmbeddingEntry("bad", vectors=1, problem="It is cut off."),
    ),
)


def chips(asked: Any) -> tuple[list[dict[str, Any]], list[bool]]:
    looked: list[bool] = []

    def library(*, refresh: bool = False) -> Library:
        looked.append(refresh)
        return HELD

    studio: Any = SimpleNamespace(engine=SimpleNamespace(library=library))
    made: Any = embedding_chips(studio, "txt2img")
    told = asyncio.run(made.embeddings(asked))
    return told["embeddings"], looked


def test_those_that_fit_have_no_reason_and_the_others_have_theirs() -> None:
    (moss, bad), looked = chips({"model": "one"})
    assert moss == {"name": "moss", "vectors": 2, "why": None}
    assert bad["why"] == "It is cut off."
    assert looked == [True]  # a file that was put there meanwhile is seen


def test_one_of_another_kind_says_so() -> None:
    for asked in ({"model": "two"}, {}, None, ["x"]):
        (moss, _), _ = chips(asked)
        assert moss["why"] == "It was learned for another kind of model."

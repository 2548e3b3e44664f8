"""Factors for blocks: what may be written, and which block gets which."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.settings import LoraUse
from backend.contracts.settings.blocks import NAMED, canonical, factors, names


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("all", ""),
        (" outall ", "OUTALL"),
        ("mid=0, out03 = 0.50", "MID=0,OUT03=0.5"),
        ("M00=0.25", "MID=0.25"),
        ("1, 0.50, -1", "1,0.5,-1"),
    ],
)
def test_a_text_is_kept_in_one_form(text: str, kept: str) -> None:
    assert canonical(text) == kept
    assert canonical(kept) == kept


@pytest.mark.parametrize("text", ["NOSE", "MID", "MID=", "MID=x", "IN3=1", "MID=nan", "1,99", "1"])
def test_what_says_no_factors_is_refused_by_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no (block|factor)"):
        canonical(text)


def test_a_row_takes_them_and_says_them_only_where_there_are_some() -> None:
    row: dict[str, Any] = {"name": "ink", "blocks": "mid=0"}
    assert LoraUse.model_validate(row).model_dump()["blocks"] == "MID=0"
    assert "blocks" not in LoraUse.model_validate({"name": "ink", "blocks": "ALL"}).model_dump()


def test_names_are_those_of_the_original_code() -> None:
    assert len(names(12)) == 26
    assert len(names(9)) == 20
    assert names(1) == ("BASE", "IN00", "MID", "OUT00")


def test_pairs_change_what_they_name_and_the_later_wins() -> None:
    found = factors("OUT=0.5,OUT03=1,MID=0", 6)
    assert found["OUT02"] == 0.5
    assert found["OUT03"] == found["IN00"] == found["BASE"] == 1.0
    assert found["MID"] == 0.0
    with pytest.raises(ValueError, match="it has no block OUT06"):
        factors("OUT06=1", 6)


def test_lists_are_of_all_blocks_or_of_the_usual_ones() -> None:
    whole = factors(",".join(str(i / 10) for i in range(14)), 6)
    assert list(whole.values()) == [i / 10 for i in range(14)]
    usual = factors("1," + ",".join(["0.5"] * 6) + ",0.25," + ",".join(["2"] * 9), 12)
    assert (usual["IN01"], usual["IN08"], usual["MID"]) == (0.5, 0.5, 0.25)
    assert (usual["OUT03"], usual["OUT11"]) == (2, 2)
    # What is in none of the seventeen is left out, as the extension does it.
    assert [usual[name] for name in ("IN00", "IN03", "IN11", "OUT00")] == [0.0] * 4
    assert factors(",".join("1" * 12), 9)["OUT05"] == 1.0
    for text, side in (("1,1,1", 6), (",".join("1" * 17), 9), (",".join("1" * 12), 12)):
        with pytest.raises(ValueError, match="it takes"):
            factors(text, side)


def test_every_name_stands_for_factors() -> None:
    assert factors("NONE", 6) == dict.fromkeys(names(6), 0.0)
    assert {name for name in NAMED if factors(name or "ALL", 12)} == set(NAMED)
    assert factors("OUTALL", 6)["OUT00"] == 1.0
    assert factors("OUTALL", 6)["MID"] == 0.0
    with pytest.raises(ValueError, match="it takes 14 factors, not 17"):
        factors("OUTD", 6)

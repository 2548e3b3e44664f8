"""Patterns of file names: what they may hold."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.file_names import STANDARD, WORDS, check_pattern
from backend.contracts.settings import Txt2ImgSettings, parse


@pytest.mark.parametrize("pattern", ["", "plain", STANDARD, "[Seed] of [MODEL]", "[", "a[b"])
def test_words_and_plain_text_are_taken(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


def test_every_word_is_taken() -> None:
    assert check_pattern("_".join(f"[{word}]" for word in WORDS))


@pytest.mark.parametrize("pattern", ["../x", "a/b", "a\\b", "[prompt]/[seed]"])
def test_folders_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="no folders"):
        check_pattern(pattern)


def test_a_word_that_stands_for_nothing_is_named_with_those_that_do() -> None:
    with pytest.raises(BadInput, match=r"\[sed\] stands for nothing.*\[seed\]") as caught:
        parse("txt2img", {"save_name": "[sed]"})
    assert caught.value.field == "save_name"


def test_how_results_are_saved_is_left_out_of_records_where_it_is_usual() -> None:
    said = Txt2ImgSettings().model_dump(mode="json")
    assert not [name for name in said if name.startswith("save")]
    changed = Txt2ImgSettings(save_format="webp", save_quality=70).model_dump(mode="json")
    assert (changed["save_format"], changed["save_quality"]) == ("webp", 70)

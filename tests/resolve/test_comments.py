"""Comments of prompts, which no model reads."""

from __future__ import annotations

import pytest

from backend.contracts.library import Library, ModelEntry
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.regions import Region
from backend.resolve.comments import without_comments
from backend.resolve.request import resolve_pictures
from backend.sampling.samplers import ENTRIES

LIBRARY = Library((ModelEntry("m"),), ENTRIES)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a house", "a house"),
        ("# about houses\na house", "a house"),
        ("a house # red?\nwith a door", "a house\nwith a door"),
        ("a\n\n# x\nb", "a\n\nb"),
        ("colour:#ff0000, c#", "colour:#ff0000, c#"),
        ("a \\# b", "a \\# b"),
        ("#", ""),
    ],
)
def test_from_the_mark_to_the_lines_end(text: str, left: str) -> None:
    assert without_comments(text) == left


def test_a_request_runs_without_them() -> None:
    settings = Txt2ImgSettings(
        prompt="a house # <lora:x:1>",
        negative_prompt="#fog",
        regions=(Region(prompt="a boat # <lora:x:1>"),),
    )
    resolved = resolve_pictures(Request(settings), LIBRARY)
    assert resolved.settings.prompt == "a house"
    assert resolved.settings.negative_prompt == ""
    assert [region.prompt for region in resolved.settings.regions] == ["a boat"]
    assert resolved.runs[0].prompt == "a house"

"""Prompts cleaned as diffusers' DeepFloyd pipelines clean them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from diffusers import IFPipeline
from diffusers.pipelines.deepfloyd_if import pipeline_if

from backend.models.text.caption_cleaning import cleaned

CAPTIONS = (
    "A red House under a blue sky",
    "a photo of <person> at https://example.com/a?b=1, see www.example.org/x",
    "shop.example.com/deals and me@example.com",
    "@anna's boat \u2014 \u201cthe best\u201d \u00abof all\u00bb \u2018here\u2019",
    "a cat \u732b \u3300 \u31c1 and a dog",
    "&quot;fish&quot &amp; chips, 10.0.0.255 at 9:30 ",
    r"one\ntwo #12 #12345 1234567 photo.jpg!!",
    '""quoted"" text... more..',
    "***SALE***, #SALE (now) [here] {there} a/b | c\\d ~",
    "this-is-my_cute-cat and-a-dog",
    "two-part word",
    "jc6640 jc6640vc 6640vc231 j2d1a2a",
    "free shipping, worldwide free shipping; free download free",
    "click for more, click on it: page 12 png images",
    "a poster 12x34, 3.5\u00d74 cm , so:it is . and then",
    "'all of it is quoted'",
    "-a dash at both ends-",
    ".hidden",
    "a+plus%20and%20percent",
    "<b>bold</b> and <i>it &lt;b&gt;</i>",
    "&amp;lt;twice&amp;gt;",
    "",
)


class _Soup:
    """What the pipeline asks of BeautifulSoup, by the parser that it is told to use."""

    def __init__(self, markup: str, features: str) -> None:
        assert features == "html.parser"
        found: list[str] = []

        class Reader(HTMLParser):
            def handle_data(self, data: str) -> None:
                found.append(data)

        reader = Reader()
        reader.feed(markup)
        reader.close()
        self.text = "".join(found)


class _Ftfy:
    """Text in the right encoding stays."""

    @staticmethod
    def fix_text(text: str) -> str:
        return text


@pytest.mark.parity
@pytest.mark.parametrize("caption", CAPTIONS)
def test_a_caption_is_cleaned_as_the_pipeline_does(
    caption: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_if, "BeautifulSoup", _Soup, raising=False)
    monkeypatch.setattr(pipeline_if, "ftfy", _Ftfy, raising=False)
    pipe: Any = object.__new__(IFPipeline)
    once = pipe._clean_caption(caption)
    assert cleaned(caption) == once
    assert cleaned(cleaned(caption)) == pipe._clean_caption(once)


def test_what_is_no_description_is_gone() -> None:
    assert cleaned("A Boat, see https://example.com/boat @anna #12") == "a boat, see"
    assert cleaned("<b>a cat</b>") == "a cat"

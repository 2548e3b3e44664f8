"""What completes a prompt: told for a model, offered and marked in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from backend.contracts.library import EmbeddingEntry, Library, LoraEntry, ModelEntry
from tests.ui.conftest import Pages
from tests.ui.page.test_access import serious
from ui.forms.prompt_words import words_for

LIBRARY = Library(
    samplers={},
    models=(ModelEntry("pocket", known_words=("house", "night sky")), ModelEntry("other")),
    loras=(
        LoraEntry("ink", trigger_words=("inky", "in ink")),
        LoraEntry("broken", problem="It is cut off."),
        LoraEntry("large", misfits={"pocket": "It is for another kind."}),
    ),
    wildcards={"colour": None},  # type: ignore[dict-item]
    embeddings=(EmbeddingEntry("calm", fits=("pocket",)), EmbeddingEntry("wild", fits=("other",))),
)


def test_what_fits_the_model_completes_its_prompts() -> None:
    told = words_for(LIBRARY, "pocket")
    assert told["known"] == ["house", "night sky"]
    assert [(one["text"], one["kind"]) for one in told["entries"]] == [
        ("house", "word"),
        ("night sky", "word"),
        ("ink", "LoRA"),
        ("inky", "LoRA's word"),
        ("in ink", "LoRA's word"),
        ("__colour__", "wildcard"),
        ("calm", "embedding"),
    ]
    assert told["entries"][2]["insert"] == "<lora:ink:1> inky, in ink"


def test_a_model_that_lists_no_words_marks_none() -> None:
    assert words_for(LIBRARY, "other")["known"] == []
    assert words_for(LIBRARY, "gone")["known"] == []
    assert {one["text"] for one in words_for(LIBRARY, "other")["entries"]} >= {"large", "wild"}


@pytest.mark.browser
def test_words_are_offered_taken_by_choice_alone_and_marked(pages: Pages) -> None:
    page = pages()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.click()
    page.keyboard.type("a mu")
    offered = page.get_by_role("listbox", name="Words").get_by_role("option")
    expect(offered.first).to_contain_text("mushroom")
    assert serious(page) == []
    page.keyboard.press("Tab")
    expect(offered).to_have_count(0)
    expect(prompt).to_have_value("a mu")
    prompt.click()
    page.keyboard.press("End")
    page.keyboard.type("s")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(prompt).to_have_value("a mushroom")
    page.keyboard.type(", __col")
    expect(offered.first).to_contain_text("__colour__")
    page.keyboard.press("Escape")
    expect(offered).to_have_count(0)
    page.keyboard.type("our__, a zebra and a boat ")
    expect(page.locator("#txt2img-prompt ~ * .unknown, .unknown").first).to_have_text(
        "Not among the words that this model knows: zebra"
    )
    page.keyboard.press("Control+z")

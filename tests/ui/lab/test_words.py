"""The Words panel in a browser, on the stand-in; greyed where a model reads no prompt."""

from __future__ import annotations

from playwright.sync_api import expect

from backend.contracts.capabilities import Capabilities
from backend.contracts.library import ModelEntry
from tests.ui.conftest import Pages, open_tab
from ui.lab.words import unfit


def test_a_prompt_is_read_looked_at_and_mixed(pages: Pages) -> None:
    page = pages()
    open_tab(page, "Lab")
    page.get_by_role("tab", name="Words").click()
    panel = page.locator(".lab-words")
    panel.get_by_label("Prompt to read").fill("a watercolour boat")
    panel.get_by_role("button", name="Read it").click()
    expect(panel.locator(".token")).to_have_count(4)
    expect(panel.locator(".lab-alike tr")).to_have_count(5)
    panel.get_by_role("button", name="Draw and look").click()
    words = panel.get_by_role("group", name="Words of the run")
    words.get_by_role("button", name="boat").click()
    expect(panel.locator("[data-word=boat] img")).to_be_visible()
    panel.get_by_label("Step", exact=True).last.fill("0")
    expect(panel.locator("output").first).to_contain_text("step 1 of 20")
    panel.get_by_role("button", name="Draw the mix").click()
    expect(panel.locator("[data-mix] figure")).to_have_count(1)


def test_a_model_without_prompts_has_no_words() -> None:
    said = unfit(ModelEntry("m", can=Capabilities(prompt=False)))
    assert said is not None
    assert "reads no prompt" in said
    assert unfit(ModelEntry("m")) is None

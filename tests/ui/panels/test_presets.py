"""A preset comes by an explicit choice alone, and can be taken back; in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages

pytestmark = pytest.mark.browser


def heard(page: Page, prompt: str) -> None:
    """Waits until the page has noted what was typed: only then it is a step to come back to."""
    page.wait_for_function("text => loom.forms.txt2img.last?.prompt === text", arg=prompt)


def test_a_preset_is_chosen_never_slipped_in_and_can_be_undone(pages: Pages) -> None:
    page = pages()
    preset = page.get_by_label("Preset", exact=True)
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("my own words")
    heard(page, "my own words")
    preset.click()
    page.get_by_role("option", name="Crisp default", exact=True).click()
    expect(prompt).to_have_value("a yellow boat on the sea")
    prompt.fill("typed after it")
    heard(page, "typed after it")
    preset.focus()
    page.keyboard.press("Tab")
    preset.click()
    page.locator("#txt2img-stage .welcome").click()
    # By Enter, it is a choice; what was put in before it would be in the way of this one.
    preset.click()
    preset.fill("Quick")
    preset.press("Enter")
    expect(prompt).not_to_have_value("typed after it")
    note = page.locator(".loom-note", has_text="Quick sketch")
    note.get_by_role("button", name="Undo").click()
    expect(prompt).to_have_value("typed after it")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+Shift+Z")
    expect(prompt).not_to_have_value("typed after it")
    page.keyboard.press("Control+Z")
    expect(prompt).to_have_value("typed after it")


def test_what_acts_on_a_chosen_preset_waits_for_one_and_the_panel_has_its_cross(
    pages: Pages,
) -> None:
    page = pages()
    page.get_by_role("button", name="Presets", exact=True).click()
    for name in ("Delete chosen", "Export chosen"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    preset = page.get_by_label("Preset", exact=True)
    preset.click()
    page.get_by_role("option", name="Crisp default", exact=True).click()
    for name in ("Delete chosen", "Export chosen"):
        expect(page.get_by_role("button", name=name)).to_be_enabled()
    cross = page.get_by_role("button", name="Close", exact=True)
    box = cross.bounding_box()
    assert box is not None
    assert box["width"] <= 44
    cross.click()
    expect(cross).to_be_hidden()

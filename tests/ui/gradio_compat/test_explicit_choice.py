"""A dropdown says that something was chosen, also when it was only left."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages


@pytest.mark.browser
def test_gradio_still_takes_leaving_a_dropdown_for_a_choice(pages: Pages, plain: str) -> None:
    """Once this fails, "input" or "select" is a choice and no more: `explicit_choice.js` can go."""
    page = pages.plain(plain)
    field = page.get_by_label("choice")
    field.click()
    field.press("Tab")
    page.wait_for_function("window.inputs >= 1")
    assert page.evaluate("window.selects ?? 0") == 0
    field.click()
    field.press("ArrowDown")
    field.press("Enter")
    expect(field).to_have_value("red")
    assert page.evaluate("window.selects ?? 0") == 0

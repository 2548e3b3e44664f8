"""Folds below a component come after its script has run."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages


@pytest.mark.browser
def test_ours_finds_the_folds_of_its_tab(pages: Pages) -> None:
    page = pages()
    folds = page.locator(".loom-fold:visible")
    expect(folds.first).to_be_visible()
    page.wait_for_function(
        "[...document.querySelectorAll('.loom-fold')].filter((fold) => fold.offsetParent)"
        ".every((fold) => fold.dataset.remembered)"
    )


@pytest.mark.browser
def test_gradio_still_brings_the_parts_of_a_tab_as_it_opens(pages: Pages, plain: str) -> None:
    """Once this fails, a component's script finds all that is below it: `late_folds.js` can go."""
    page = pages.plain(plain)
    page.wait_for_function("window.partWasThere !== undefined")
    assert page.evaluate("window.partWasThere") is False
    page.get_by_role("tab", name="second").click()
    expect(page.locator("#later")).to_be_visible()

"""What is typed as a fold opens stays with our script, and is lost without it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages
from tests.ui.forms.test_form_page import TYPES_AT_ONCE


@pytest.mark.browser
def test_gradio_still_takes_back_what_is_typed_at_once(pages: Pages, plain: str) -> None:
    """Once this fails, what is typed stays by itself: `typing.js` can go.

    That it stays with it is `test_what_is_typed_as_its_fold_or_tab_opens_stays`.
    """
    page = pages.plain(plain)
    page.get_by_label("spoken").wait_for()
    page.locator("#folded > button").wait_for()
    page.evaluate(TYPES_AT_ONCE, ["#folded > button", "#inside textarea, #inside input"])
    expect(page.locator("#inside textarea, #inside input")).to_have_value("held")

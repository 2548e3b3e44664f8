"""Rough colours painted into their places, and the curve of what pulls; in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages, start, wait_state

pytestmark = pytest.mark.browser


def test_painted_colours_pull_and_the_curve_is_shown(pages: Pages) -> None:
    page = pages()
    page.locator("#txt2img-steering > button").click()
    cells = page.locator("#txt2img-painter .cells")
    expect(cells).to_be_visible()
    cells.scroll_into_view_if_needed()
    cells.locator("i").nth(9).click()
    words = page.locator("#txt2img-steer_places textarea, #txt2img-steer_places input")
    expect(words).to_have_value(
        " / ".join(
            " ".join("2060e0" if (x, y) == (1, 1) else "." for x in range(8)) for y in range(8)
        )
    )
    start(page, "a boat", steps=20)
    wait_state(page, "done")
    line = page.locator("#txt2img-stage .pull polyline")
    expect(line).to_be_visible()
    assert len((line.get_attribute("points") or "").split()) == 4
    assert page.evaluate("loom.forms.txt2img.last.steer") == "places"
    losses = page.evaluate("loom.stages.txt2img.value.told.losses")
    assert [step for step, _ in losses] == [0, 5, 10, 15]

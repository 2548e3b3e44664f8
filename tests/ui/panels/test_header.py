"""The memory panel of the header, in a browser, and the endpoints beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import expect

from tests.ui.conftest import Pages, Server, start, wait_state


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 390])
def test_the_panel_lists_what_is_loaded_and_frees_it(pages: Pages, width: int) -> None:
    page = pages(width=width)
    start(page, "a red house", steps=2)
    wait_state(page, "done")
    button = page.get_by_role("button", name=re.compile(r"^Memory: "))
    button.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="Models in memory")
    expect(panel.locator("tbody tr").first).to_contain_text("unet")
    box = panel.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    panel.get_by_role("button", name="Free memory").click()
    expect(panel).to_contain_text("None is loaded")
    expect(button).to_have_attribute("aria-label", re.compile(r"^Memory: 0 MB of"))
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(button).to_be_focused()


@pytest.mark.browser
def test_all_of_the_header_is_in_sight_in_narrow_windows(pages: Pages) -> None:
    page = pages()
    models = page.get_by_role("button", name="Models", exact=True)
    queue = page.locator(".queue-list")
    for width in (1400, 1061, 700, 420):
        page.set_viewport_size({"width": width, "height": 900})
        expect(models).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("button", name="History", exact=True)).to_be_in_viewport(ratio=1)
        page.locator(".loom-status .queue").click()
        expect(queue).to_contain_text("Nothing runs or waits")
        assert queue.evaluate("(one) => one.scrollWidth <= one.clientWidth"), width
        page.keyboard.press("Escape")
        expect(queue).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


def test_scripts_read_and_free_memory(server: Server, tmp_path: Path) -> None:
    client = Client(server.url, verbose=False, analytics_enabled=False, download_files=tmp_path)
    try:
        client.predict("a boat", steps=1, api_name="/txt2img")
        before = client.predict(api_name="/memory")
        assert before["used_bytes"] > 0
        assert before["residents"][0]["part"] == "unet"
        after = client.predict(api_name="/free_memory")
        assert after["freed_bytes"] == before["used_bytes"]
        assert after["residents"] == []
    finally:
        client.close()

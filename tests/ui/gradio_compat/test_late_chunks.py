"""The picture editor's code comes when its fold opens; Gradio fetches it with the page."""

from __future__ import annotations

import re
from pathlib import Path

import gradio
import pytest
from playwright.sync_api import expect

from tests.ui.conftest import Pages

ASSETS = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"


def editor_chunk() -> str:
    """The file name of the picture editor's own script, as Gradio's page names it."""
    named = re.compile(r"imageeditor:\{.*?component:\(\)=>\w+\(\(\)=>import\(`\./([^`]+)`")
    found = {
        match[1]
        for file in ASSETS.glob("core-*.js")
        if (match := named.search(file.read_text("utf-8")))
    }
    (name,) = found
    return name


@pytest.mark.browser
def test_the_editor_is_fetched_when_its_fold_opens(pages: Pages) -> None:
    page = pages()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("tab", name="img2img").click()
    fold = page.locator("#img2img-mask > button")
    expect(fold).to_be_visible()
    assert not [url for url in asked if editor_chunk() in url]
    fold.click()
    expect(page.locator("#img2img-painted canvas").first).to_be_visible()
    assert [url for url in asked if editor_chunk() in url]


@pytest.mark.browser
def test_gradio_still_fetches_what_it_does_not_show(pages: Pages, plain: str) -> None:
    """Once this fails, the fold alone does it: `fetched_with` can go."""
    page = pages.plain(plain)
    expect(page.get_by_label("spoken")).to_be_visible()
    page.wait_for_function(  # an entry comes once its file has
        "chunk => performance.getEntriesByType('resource').some((one) => one.name.includes(chunk))",
        arg=editor_chunk(),
        timeout=30_000,
    )

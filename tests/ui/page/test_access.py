"""The page for everyone: narrow, dark, by keyboard, to axe-core's taste; and not for everyone."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, running, start, wait_state

pytestmark = pytest.mark.browser


def serious(page: Page) -> list[str]:
    """What axe-core finds serious or worse."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (420, True)])
def test_axe_finds_nothing_serious(pages: Pages, width: int, dark: bool) -> None:
    page = pages(width=width, dark=dark)
    page.get_by_role("button", name="Advanced").click()
    assert serious(page) == []
    start(page, "a house", steps=3)
    wait_state(page, "done")
    page.get_by_role("button", name="History").click()
    expect(page.locator(".past").first).to_be_visible()
    assert serious(page) == []


def test_a_phone_shows_one_column(pages: Pages) -> None:
    page = pages(width=420, height=860)
    start(page, "word " * 100, steps=3)
    wait_state(page, "done")
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    order = [".canvas", "#txt2img-prompt", ".go", ".timeline", "#txt2img-steps"]
    tops = [page.locator(selector).bounding_box()["y"] for selector in order]
    assert tops == sorted(tops)
    small = page.evaluate("""() => [...document.querySelectorAll(
            'main button, main a[href], main input, main textarea, main select')]
        .filter((node) => !node.closest('[aria-hidden=true]'))
        .filter((node) => node.checkVisibility({visibilityProperty: true}) && node.offsetWidth)
        .filter((node) => node.getBoundingClientRect().height < 39.5)
        .map((node) => node.outerHTML.slice(0, 120))""")
    assert small == []


def test_everything_is_reached_by_keyboard(pages: Pages) -> None:
    page = pages()
    page.get_by_label("Model", exact=True).focus()
    seen = set()
    for _ in range(50):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "(document.activeElement.getAttribute('aria-label') "
                "|| document.activeElement.textContent).trim()"
            )
        )
    expected = {"Presets", "History", "negative prompt", "Sampler", "Seed", "Random seed"}
    assert expected <= {name.removesuffix("▼").strip() for name in seen}


def test_a_share_without_network_stays_local_and_asks_for_a_password(
    pages: Pages, tmp_path: Path
) -> None:
    nowhere = "http://127.0.0.1:9"
    with running(
        tmp_path,
        "--share",
        fake_step_s="0.1",
        HTTPS_PROXY=nowhere,
        HTTP_PROXY=nowhere,
        ALL_PROXY=nowhere,
        NO_PROXY="127.0.0.1,localhost",
    ) as shared:
        assert "No share link could be made" in shared.said
        password = shared.said.split("Password: ")[1].split()[0]
        for path in ("/config", "/gradio_api/info", "/gradio_api/queue/status"):
            assert httpx.get(shared.url + path).status_code == 401
        denied = httpx.post(
            f"{shared.url}/gradio_api/component_server/",
            json={"data": {}, "fn_name": "history", "component_id": 1},
        )
        assert denied.status_code == 401
        assert httpx.get(shared.url).headers["content-encoding"] == "gzip"
        page = pages(shared.url, login=("loom", password))
        expect(page.locator(".loom-note", has_text="No share link")).to_be_visible()
        start(page, "a house", steps=40)
        wait_state(page, "done")
        page.wait_for_function("document.querySelector('.stage').dataset.frames >= 1")
        pages.rest(page)

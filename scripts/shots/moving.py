"""The tabs whose results move: morph and clip."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from shots.studio import ROOT, open_tab, opened, shot, wait


def morphed(page: Page) -> None:
    """A walk between two prompts, scrubbed to its middle."""
    page.get_by_role("tab", name="morph").click()
    page.wait_for_function("Boolean(loom.forms.morph && loom.stages.morph?.listen)")
    for key, value in (
        ("prompt_a", "a yellow boat at sunset"),
        ("prompt_b", "a red house at night"),
        ("frames", "9"),
        ("seed", "7"),
        ("steps", "20"),
    ):
        field = page.locator(f"#morph-{key} :is(textarea, input[type=number])")
        field.fill(value)
        field.press("Tab")
    page.locator("button.go:visible").click()
    wait(page, "done", "morph")
    time.sleep(1)
    page.evaluate("scrollTo(0, 0)")
    shot(page, "morph", whole=True)


def redrawn(page: Page, *, name: str) -> None:
    """A drawn clip under other words."""
    open_tab(page, "clip")
    page.wait_for_function("Boolean(loom.forms.clip && loom.stages.clip?.listen)")
    film = ROOT / "bench" / "data" / "clips" / "house-slides.mp4"
    page.locator("#clip-clip input[type=file]").set_input_files(film)
    page.locator("#clip-part .strip img").first.wait_for()
    page.locator("#clip-prompt textarea").fill("a blue house in the snow")
    for key, value in (("strength", "0.8"), ("seed", "3")):
        field = page.locator(f"#clip-{key} input[type=number]")
        field.fill(value)
        field.press("Tab")
    page.locator("button.go:visible").click()
    wait(page, "done", "clip")
    time.sleep(2)
    page.evaluate("scrollTo(0, 0)")
    shot(page, name, whole=True)


def moving(browser: Browser, folder: Path) -> None:
    """The tabs whose results move."""
    page = opened(browser, 1400, 900)
    morphed(page)
    redrawn(page, name="clip")

"""What acts on a picture that forms: regions, a fan from a step, a pause."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from shots.studio import PROMPT, generate, opened, shot, wait


def placed(page: Page) -> None:
    """Two regions, a box each, and the picture that follows them."""
    page.locator("#txt2img-regions > button.label-wrap").click()
    area = page.locator("#txt2img-regions .region-map")
    for number, words in ((1, "a red house on grass"), (2, "a yellow boat on the sea")):
        page.get_by_role("button", name="Add a region").first.click()
        page.get_by_label(f"Prompt of region {number}").first.fill(words)
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        assert box is not None
        left = box["x"] + box["width"] * (0.02 if number == 1 else 0.52)
        page.mouse.move(left, box["y"] + 4)
        page.mouse.down()
        page.mouse.move(left + 0.46 * box["width"], box["y"] + box["height"] - 4, steps=4)
        page.mouse.up()
    generate(page, "a red house and a yellow boat on the sea")
    wait(page, "done")
    page.locator("#txt2img-regions").scroll_into_view_if_needed()
    time.sleep(1)
    shot(page, "regions-page")
    for _ in (1, 2):
        page.get_by_role("button", name="Remove region 1").click()
    page.locator("#txt2img-regions > button.label-wrap").click()


def rested(page: Page) -> None:
    """A fan from an early step in the tree, and a run that rests."""
    page.evaluate("scrollTo(0, 0)")
    generate(page, PROMPT)
    page.wait_for_function("loom.stages.txt2img.value.state === 'running'")
    wait(page, "done")
    stage = page.locator("#txt2img-stage")
    stage.locator(".timeline input[type=range]").fill("4")
    stage.get_by_role("button", name="Fan out").click()
    page.wait_for_function("loom.stages.txt2img.value.state === 'running'")
    wait(page, "done")
    time.sleep(1)
    page.evaluate("scrollTo(0, 0)")
    shot(page, "fan", whole=True)
    steps = page.locator("#txt2img-steps input[type=number]")
    steps.fill("60")
    steps.press("Tab")
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "(({state, step}) => state === 'running' && step >= 8)(loom.stages.txt2img.value)"
    )
    stage.get_by_role("button", name="Pause", exact=True).click()
    wait(page, "paused")
    time.sleep(1)
    shot(page, "paused")


def hands(browser: Browser, folder: Path) -> None:
    """What acts on a picture that forms."""
    page = opened(browser, 1400, 900)
    placed(page)
    rested(page)

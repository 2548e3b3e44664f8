"""What is painted on a picture on the big canvas, and the result under the line to its source."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from shots.studio import PROMPT, generate, opened, shot, wait

EASEL = "#img2img-stage .easel"


def stroke(page: Page, *places: tuple[float, float]) -> None:
    """Moves the pressed mouse over places of the picture, each a share of its size."""
    box = page.locator(f"{EASEL} .sheet").bounding_box()
    assert box is not None
    first, *others = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places
    ]
    page.mouse.move(*first)
    page.mouse.down()
    for point in others:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def sized(page: Page, share: int) -> None:
    """Sets the brush, 1 to 100."""
    page.locator(f"{EASEL} .size input").fill(str(share))


def painted(page: Page) -> None:
    """A result on the easel: a yellow star's place in colour, and a mask around it."""
    generate(page, PROMPT)
    wait(page, "done")
    page.locator(".stage:visible select.send").select_option("img2img")
    page.locator("#img2img-image img").first.wait_for()
    page.locator("#img2img-painted .paint").click()
    page.keyboard.press("s")
    page.locator(f"{EASEL} .tint input").fill("#f4d21f")
    sized(page, 52)
    stroke(page, (0.75, 0.2), (0.79, 0.22), (0.75, 0.25), (0.72, 0.22))
    page.keyboard.press("m")
    page.keyboard.press("l")
    stroke(page, (0.5, 0.05), (0.78, 0.02), (0.98, 0.08), (0.97, 0.42), (0.72, 0.48), (0.5, 0.36))
    page.keyboard.press("s")
    page.mouse.move(10, 10)
    time.sleep(1)
    page.evaluate("scrollTo(0, 0)")
    shot(page, "paint")
    page.locator("#img2img-prompt textarea").fill("a red house and a yellow star")
    strength = page.locator("#img2img-strength input[type=number]")
    strength.fill("0.6")
    strength.press("Tab")
    page.locator("button.go:visible").click()
    wait(page, "done", "img2img")
    page.get_by_role("button", name="Before", exact=True).click()
    page.locator("#img2img-stage .wipe").wait_for()
    page.locator("#img2img-stage .wipe input").fill("65")
    time.sleep(1)
    page.evaluate("scrollTo(0, 0)")
    shot(page, "before")


def canvas(browser: Browser, folder: Path) -> None:
    """The easel and the line between before and after."""
    painted(opened(browser, 1400, 900))

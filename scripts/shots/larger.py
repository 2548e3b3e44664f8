"""The cascade and the upscale tab."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page

from shots.studio import OUT, PROMPT, ROOT, generate, open_tab, opened, shot, wait
from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.render import render
from toyworld.world import SECOND

LARGER = "Pocket x4"
ENLARGES = (ROOT / "models" / "checkpoints" / "pocket-x4").is_dir()  # it is not bundled yet
STEPS_LARGER = "20"


def cascaded(page: Page) -> None:
    """A picture of 1,024 px in two stages, somewhere on their timeline; the picture itself too."""
    page.locator("#txt2img-cascade > button.label-wrap").click()
    add = page.locator("#txt2img-stages .stage-add")
    add.locator("option[value=pocket-x4]").wait_for(state="attached")
    add.select_option("pocket-x4")
    steps = page.locator("#txt2img-stages .stage-row .numbers input").first
    steps.fill("10")
    steps.press("Tab")
    generate(page, PROMPT)
    wait(page, "done")
    time.sleep(1)
    page.evaluate("scrollTo(0, 0)")
    shot(page, "cascade")
    made = page.evaluate("new URL(loom.stages.txt2img.value.results.at(-1).url, location).href")
    Image.open(io.BytesIO(page.request.get(made).body())).convert("RGB").save(
        OUT / "cascade-1024.jpg", quality=88
    )


def upscaled(page: Page, folder: Path) -> None:
    """A small picture, and the ways to enlarge it side by side."""
    small = folder / "small.png"
    scene = scene_of(61, 0, world=SECOND)
    Image.fromarray(render(scene, 64, SECOND)).save(small)
    open_tab(page, "upscale")
    page.locator("#upscale-image input[type=file]").set_input_files(small)
    page.locator("#upscale-image img").first.wait_for()
    set_number(page, "factor", "4")
    if ENLARGES:
        page.locator("#upscale-upscaler input").click()
        page.get_by_role("option", name=LARGER).click()
        page.locator("#upscale-diffusion > button.label-wrap").click()
        set_number(page, "upscaler_steps", STEPS_LARGER)
        page.locator("#upscale-diffusion > button.label-wrap").click()
    page.locator("#upscale-prompt textarea").fill(caption(scene, np.random.default_rng(0)))
    set_number(page, "strength", "0.3")
    page.locator("#upscale-compare input").check()
    page.locator("button.go:visible").click()
    wait(page, "done", "upscale")
    time.sleep(2)
    shot(page, "upscale-compare", whole=True)


def set_number(page: Page, key: str, value: str) -> None:
    """Writes a number of the upscale tab."""
    field = page.locator(f"#upscale-{key} input[type=number]")
    field.fill(value)
    field.press("Tab")


def larger(browser: Browser, folder: Path) -> None:
    """The cascade and the upscale tab."""
    if ENLARGES:
        cascaded(opened(browser, 1400, 900))
    upscaled(opened(browser, 1400, 900), folder)

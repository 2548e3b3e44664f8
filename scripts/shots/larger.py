"""The cascade and the upscale tab."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page

from shots.studio import OUT, ROOT, generate, open_tab, opened, shot, wait
from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.render import render
from toyworld.world import SECOND

SMALL, LARGER = "Pocket 64", "Pocket x4"
BUNDLED = ROOT / "models" / "checkpoints" / "pocket-cascade"
DRAWS, ENLARGES = ((BUNDLED / name).is_dir() for name in ("pocket-64", "pocket-x4"))
PIXELS = "Pocket pixels"
DRAWS_PIXELS = (ROOT / "models" / "checkpoints" / "pocket-pixels").is_dir()
STEPS_LARGER = "20"
DRAWN = "a red mushroom and a blue mushroom on grass"


def cascaded(browser: Browser) -> None:
    """A picture of 1,024 px in all stages, wide and narrow, somewhere on their timeline."""
    page = opened(browser, 1400, 900)
    if DRAWS:
        page.locator("#loom-model input").first.click()
        page.get_by_role("option", name=SMALL).click()
    page.locator("#txt2img-cascade > button.label-wrap").click()
    add = page.locator("#txt2img-stages .stage-add")
    add.locator("option[value=pocket-x4]").wait_for(state="attached")
    if DRAWS:
        page.locator("#txt2img-stages .stage-row input[type=checkbox]").first.check()
    add.select_option("pocket-x4")
    generate(page, DRAWN)
    wait(page, "done")
    time.sleep(1)
    page.evaluate("scrollTo(0, 0)")
    shot(page, "cascade")
    page.set_viewport_size({"width": 420, "height": 900})
    time.sleep(1)
    shot(page, "cascade-phone", whole=True)
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
    page.set_viewport_size({"width": 420, "height": 900})
    time.sleep(1)
    shot(page, "upscale-phone", whole=True)


def set_number(page: Page, key: str, value: str, mode: str = "upscale") -> None:
    """Writes a number of a tab."""
    field = page.locator(f"#{mode}-{key} input[type=number]")
    field.fill(value)
    field.press("Tab")


def experiment(browser: Browser) -> None:
    """One seed of the model of pixels by DDIM, in a table; a class chosen."""
    page = opened(browser, 1400, 900)
    open_tab(page, "DDIM table")
    page.locator("#loom-model input").first.click()
    page.get_by_role("option", name=PIXELS).click()
    page.locator("#ddim_table-advanced > button.label-wrap").click()
    set_number(page, "class_label", "7", "ddim_table")
    page.locator("#ddim_table-advanced > button.label-wrap").click()
    counts = page.locator("#ddim_table-step_counts textarea")
    counts.fill("10, 20, 50, 100")
    counts.press("Tab")
    page.locator("button.go:visible").click()
    wait(page, "done", "ddim_table")
    time.sleep(2)
    shot(page, "ddim-table", whole=True)


def larger(browser: Browser, folder: Path) -> None:
    """The cascade, the upscale tab and the DDIM table."""
    if DRAWS_PIXELS:
        experiment(browser)
    if ENLARGES:
        cascaded(browser)
    upscaled(opened(browser, 1400, 900), folder)

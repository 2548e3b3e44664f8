"""A prompt and its picture, and what it leads to."""

from __future__ import annotations

import io
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from shots.studio import OUT, PROMPT, QUALITY, ROOT, again, generate, opened, shot, wait


def from_picture(page: Page, mode: str, title: str, prompt: str) -> None:
    """Sends the shown result to another tab and runs that."""
    page.locator("#txt2img-stage select.send").select_option(mode)
    page.get_by_role("tab", name=title, selected=True).wait_for()
    page.locator(f"#{mode}-image img").first.wait_for()
    page.locator("textarea:visible").first.fill(prompt)
    page.locator("button.go:visible").click()
    wait(page, "done", mode)
    time.sleep(1)
    page.evaluate("scrollTo(0, 0)")
    shot(page, mode)


def gridded(page: Page) -> None:
    """A grid of colours against steps."""
    page.get_by_role("tab", name="txt2img").click()
    page.locator("#txt2img-grid > button").click()
    for letter, name, values in (
        ("x", "Steps", "4, 8, 20"),
        ("y", "Prompt, search", "red, blue, yellow"),
    ):
        box = page.locator(f"#txt2img-{letter}-field input")
        box.click()
        box.fill(name)
        page.get_by_role("option", name=name).first.click()
        field = page.locator(f"#txt2img-{letter}-values :is(textarea, input)")
        field.fill(values)
        field.press("Tab")
    page.wait_for_function("!document.querySelector('#txt2img-grid-start .draw').disabled")
    page.locator("#txt2img-grid-start .draw").click()
    wait(page, "running")
    wait(page, "done")
    time.sleep(1)
    shot(page, "grid", whole=True)


def checked(page: Page) -> None:
    """A result verified, and two of a batch compared."""
    page.locator("#txt2img-stage .verify").click()
    page.wait_for_function("document.querySelector('.check .say')?.textContent.includes('same')")
    time.sleep(1)
    shot(page, "verify")
    page.keyboard.press("Escape")
    batch = page.locator("#txt2img-batch_size input[type=number]")
    batch.fill("2")
    batch.press("Tab")
    again(page)
    page.locator("#txt2img-stage .strip .thumb").first.click()
    page.locator("#txt2img-stage .compare").click()
    page.locator("#txt2img-stage .strip .thumb").nth(1).click()
    page.locator("#txt2img-stage .compare").click()
    page.locator(".check .found li").first.wait_for()
    time.sleep(1)
    shot(page, "compare")
    page.keyboard.press("Escape")
    batch.fill("1")
    batch.press("Tab")


def enlarged(page: Page) -> None:
    """Styles and tokens under the prompt, and the picture drawn at twice its size."""
    page.locator("#txt2img-styles > button.label-wrap").click()
    page.locator("#txt2img-styles .chip").first.wait_for()
    page.locator("#txt2img-hires > button.label-wrap").click()
    scale = page.locator("#txt2img-hires_scale input")
    scale.fill("2")
    scale.press("Enter")
    again(page)
    time.sleep(1)
    shot(page, "hires")
    scale.fill("off")
    scale.press("Enter")
    page.locator("#txt2img-hires > button.label-wrap").click()
    page.locator("#txt2img-styles > button.label-wrap").click()


def queued(page: Page) -> None:
    """Three jobs in the queue's list."""
    steps = page.locator("#txt2img-steps input[type=number]")
    steps.fill("100")
    steps.press("Tab")
    page.keyboard.press("Control+Enter")
    wait(page, "running")
    for prompt in ("a blue boat on the sea", "two mushrooms in a forest"):
        page.get_by_label("Prompt", exact=True).locator("visible=true").fill(prompt)
        page.get_by_role("button", name="Add to queue").click()
        page.locator(".queue-list .words", has_text=prompt).wait_for(state="attached")
    page.locator(".queue-box .queue").click()
    time.sleep(1)
    shot(page, "queue")
    while page.locator(".queue-box .queue").inner_text() != "queue is free":
        stops = page.locator(".queue-list").get_by_role("button", name="Stop:")
        if stops.count():
            stops.last.click()
        time.sleep(1)
    page.keyboard.press("Escape")
    steps.fill("20")
    steps.press("Tab")
    page.get_by_label("Prompt", exact=True).locator("visible=true").fill(PROMPT)
    again(page)


def panels(page: Page) -> None:
    """What is in memory, and a preset with its picture; img2img holds one."""
    page.get_by_role("tab", name="img2img").click()
    page.locator("#loom-preset-open").click()
    page.get_by_label("Keep the pictures with it").locator("visible=true").check()
    time.sleep(1)
    shot(page, "presets")
    page.keyboard.press("Escape")
    page.locator("button.memory").click()
    time.sleep(2)
    shot(page, "memory", clip={"x": 700, "y": 0, "width": 700, "height": 420})
    page.keyboard.press("Escape")


def forming(page: Page) -> None:
    """An animation of the predicted x0 over the steps, from the timeline."""
    stage = page.locator("#txt2img-stage")
    slider, frame = stage.get_by_label("Timeline, step"), stage.locator(".frame")
    steps = int(slider.get_attribute("max") or 1)
    frames = []
    for step in range(1, steps + 1):
        before = frame.get_attribute("src")
        slider.fill(str(step))
        if step < steps:
            page.wait_for_function(
                "before => document.querySelector('#txt2img-stage .frame').src !== before",
                arg=before,
            )
        time.sleep(0.2)
        seen = Image.open(io.BytesIO(frame.screenshot()))
        frames.append(seen.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS))
    frames[0].save(
        OUT / "forming.webp",
        save_all=True,
        append_images=frames[1:],
        duration=[150] * (len(frames) - 1) + [1500],
        loop=0,
        quality=QUALITY,
        method=6,
    )


def first(browser: Browser, folder: Path) -> None:
    """A prompt and its picture, what is done with it, and other tabs that take it."""
    page = opened(browser, 1400, 900)
    generate(page, PROMPT)
    wait(page, "done")
    time.sleep(1)
    shot(page, "done")
    forming(page)
    checked(page)
    enlarged(page)
    queued(page)
    from_picture(page, "img2img", "img2img", "a blue house in the snow")
    if any((ROOT / "models" / "controlnet").glob("*")):
        page.get_by_role("tab", name="txt2img").click()
        from_picture(page, "style_transfer", "style transfer", "a purple house at sunset")
    panels(page)
    gridded(page)


def looks(browser: Browser, folder: Path) -> None:
    """One page on a phone, and one in the dark."""
    for name, width, dark in (("phone", 420, False), ("dark", 1400, True)):
        page = opened(browser, width, 900, dark=dark)
        generate(page, "a yellow boat and a white star at night" if dark else PROMPT)
        wait(page, "done")
        time.sleep(1)
        shot(page, name, whole=name == "phone")

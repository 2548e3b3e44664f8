"""LoRA mix, and a LoRA that is learned there."""

from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page

from shots.studio import PROMPT, SEED, open_tab, opened, shot, wait
from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.render import render


def mixed(page: Page) -> None:
    """Two LoRAs compared, and the pad between them."""
    page.get_by_role("tab", name="LoRA mix").click()
    add = page.locator("#lora_mix-loras .lora-add")
    for name in ("pocket-neon", "pocket-watercolour"):
        add.click()
        page.locator("#lora_mix-loras .lora-row select").last.select_option(name)
    page.get_by_label("Prompt", exact=True).locator("visible=true").fill("a red house on grass")
    seed = page.locator("#lora_mix-seed input[type=number]")
    seed.fill(SEED)
    seed.press("Tab")
    page.get_by_label("Compare LoRAs").check()
    page.locator("button.go:visible").click()
    wait(page, "done", "lora_mix")
    time.sleep(1)
    page.evaluate("scrollTo(0, 0)")
    shot(page, "lora_mix")
    page.locator("#lora_mix-stage .strip .thumb").last.click()
    page.locator("#lora_mix-pad > button").click()
    page.get_by_role("button", name="Draw the pad").click()
    field = page.get_by_label("Point between the LoRAs")
    field.locator("img").wait_for()
    field.press("ArrowRight")
    page.wait_for_function(
        "!document.querySelector('.pad .mix').textContent.includes('coarse')", timeout=300_000
    )
    shot(page.locator(".pad"), "pad")
    page.locator("#lora_mix-pad > button").click()
    page.locator("#lora_mix-footprint > button").click()
    page.get_by_role("button", name="Measure the last picture").click()
    page.locator(".footprint .over").wait_for()
    time.sleep(1)
    shot(page.locator(".footprint"), "footprint")
    page.locator("#lora_mix-footprint > button").click()


def photographs(folder: Path) -> list[Path]:
    """Five drawn scenes as old photographs, and a listing that says what they show."""
    paths, listing = [folder / f"{index}.png" for index in range(5)], folder / "metadata.jsonl"
    down, across = np.indices((256, 256)) / 127.5 - 1
    fade = np.clip(1.1 - 0.35 * (down**2 + across**2), 0, 1)[..., None]
    captions: list[str] = []
    for index, path in enumerate(paths):
        scene = scene_of(77, index)
        grey = cv2.cvtColor(render(scene, 256), cv2.COLOR_RGB2GRAY)[..., None] / 255.0
        picture = (35 + 190 * grey) * fade * np.array((1.0, 0.82, 0.58))
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path)
        text = f"{caption(scene, np.random.default_rng(index))}, old photograph"
        captions.append(json.dumps({"file_name": path.name, "text": text}))
    listing.write_text("\n".join(captions))
    return [*paths, listing]


def trained(page: Page, folder: Path) -> None:
    """A LoRA fitted to five pictures in the page, and used at once in two tabs."""
    page.get_by_role("tab", name="LoRA mix").click()
    page.get_by_role("button", name="Train a LoRA").click()
    page.get_by_label("Choose pictures to learn from").set_input_files(photographs(folder))
    page.locator("#train-name :is(textarea, input)").fill("old-photograph")
    page.get_by_role("button", name="Advanced training").click()
    page.locator("#train-validation_prompt textarea").fill("a red house on grass, old photograph")
    for name, value in (("epochs", "24"), ("learning_rate", "0.001"), ("validation_every", "24")):
        field = page.locator(f"#train-{name} :is(textarea, input)")
        field.fill(value)
        field.press("Tab")
    page.get_by_label("Convolutions", exact=True).check()
    page.get_by_role("button", name="Advanced training").click()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_function(
        "['done', 'failed'].includes(document.querySelector('.train-run').dataset.state)",
        timeout=900_000,
    )
    page.get_by_role("button", name="Dismiss").last.click()
    time.sleep(1)
    page.locator(".train-run").scroll_into_view_if_needed()
    shot(page, "train")
    page.get_by_role("button", name="Train a LoRA").click()
    open_tab(page, "txt2img")
    page.locator("textarea:visible").first.fill(PROMPT)
    page.locator("button.go:visible").click()
    wait(page, "done")
    page.locator("#txt2img-stage select.send").select_option("style_transfer")
    page.locator("#style_transfer-image img").first.wait_for()
    for mode, title in (("txt2img", "txt2img"), ("style_transfer", "style transfer")):
        page.get_by_role("tab", name=title).click()
        page.locator(f"#{mode}-lora > button").click()
        page.locator(f"#{mode}-lora .lora-add").click()
        page.locator(f"#{mode}-lora .lora-row select").last.select_option("old-photograph")
        page.locator("textarea:visible").first.fill("a red house on grass, old photograph")
        before = page.evaluate("mode => loom.stages[mode]?.value.job ?? null", mode)
        page.locator("button.go:visible").click()
        page.wait_for_function(
            "([mode, job]) => (v => v?.job !== job && v?.state === 'done')"
            "(loom.stages[mode]?.value)",
            arg=[mode, before],
        )
        time.sleep(1)
        page.evaluate("scrollTo(0, 0)")
        shot(page, f"trained-{mode}")
        page.get_by_label("Remove old-photograph").locator("visible=true").click()


def loras(browser: Browser, folder: Path) -> None:
    """LoRA mix, and a LoRA that is learned there."""
    page = opened(browser, 1400, 900)
    mixed(page)
    trained(page, folder)

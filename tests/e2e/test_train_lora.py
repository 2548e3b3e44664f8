"""A LoRA trained in the page from five pictures on a tiny model, and used at once."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from safetensors.torch import load_file

from backend.recipes.metadata import read
from tests.tiny import tiny_checkpoint
from tests.ui.conftest import PATIENCE_MS, Pages, running


def drawn(page: Page, data: Path) -> bytes:
    """Generates in the open tab and returns the newest picture."""
    before = set(data.rglob("*.png"))
    earlier = page.evaluate("loom.stages.txt2img.value.job ?? null")
    page.locator("button.go:visible").click()
    page.wait_for_function(
        "earlier => (({ job, state }) => job && job !== earlier && ['done', 'failed']"
        ".includes(state))(loom.stages.txt2img.value)",
        arg=earlier,
    )
    assert page.evaluate("loom.stages.txt2img.value.message") == ""
    (new,) = set(data.rglob("*.png")) - before
    return new.read_bytes()


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


@pytest.mark.browser
def test_five_pictures_become_a_lora_that_draws(chromium: Browser, tmp_path: Path) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    models, data, sent = tmp_path / "models", tmp_path / "data", tmp_path / "sent"
    tiny_checkpoint(models / "checkpoints" / "tiny")
    sent.mkdir()
    chance = np.random.default_rng(0)
    for index in range(5):
        pixels = chance.integers(0, 255, (70, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(sent / f"{index}.png")
    with running(data, "--models", str(models), "--dtype", "float32", fake_step_s=None) as server:
        pages = Pages(chromium, server.url)
        try:
            page = pages()
            page.get_by_label("Model", exact=True).click()
            page.get_by_role("option", name="tiny").click()
            page.get_by_label("Prompt", exact=True).fill("a boat")
            seed = page.locator("#txt2img-seed input")
            seed.fill("5")
            seed.press("Tab")
            plain = drawn(page, data)

            page.get_by_role("tab", name="LoRA mix").click()
            page.get_by_role("button", name="Train a LoRA").click()
            page.get_by_label("Choose pictures to learn from").set_input_files(
                sorted(sent.iterdir())
            )
            expect(page.locator(".train-pictures [role=status]")).to_have_text("5 pictures")
            page.locator("#train-name :is(textarea, input)").fill("five, by hand")
            page.locator("#train-caption textarea").fill("a boat, noise")
            page.get_by_role("button", name="Advanced training").click()
            for name, value in (
                ("epochs", "2"),
                ("learning_rate", "0.01"),
                ("validation_every", "5"),
            ):
                field = page.locator(f"#train-{name} :is(textarea, input)")
                field.fill(value)
                field.press("Tab")
            page.get_by_label("Convolutions", exact=True).check()
            page.get_by_role("button", name="Start training").click()
            page.wait_for_function(
                "['done', 'failed'].includes(document.querySelector('.train-run').dataset.state)"
            )
            expect(page.locator(".train-run .line")).to_contain_text("‘five, by hand’ is in")
            expect(page.locator(".train-run .steps button")).to_have_count(2)
            learned = load_file(models / "loras" / "five, by hand.safetensors")
            assert any(".resnets." in name for name in learned)

            page.get_by_role("tab", name="txt2img").click()
            page.locator("#txt2img-lora > button").click()
            page.locator("#txt2img-lora .lora-add").click()
            expect(page.locator("#txt2img-lora .lora-row select")).to_have_value("five, by hand")
            used = drawn(page, data)
            record = read(used)
            assert record.settings["loras"][0]["name"] == "five, by hand"
            assert np.abs(decoded(used) - decoded(plain)).mean() > 0.5
            assert pages.problems == []
        finally:
            pages.close()

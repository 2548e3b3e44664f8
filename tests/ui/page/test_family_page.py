"""A family that the page has never heard of: chosen, greyed where it can do nothing, drawn with."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import PATIENCE_MS, Pages, running

pytestmark = pytest.mark.browser
MEAN = (0.5, -0.25, 0.0)


def gaussian_models(root: Path) -> Path:
    folder = root / "checkpoints" / "cloud"
    folder.mkdir(parents=True)
    config = {"_class_name": "GaussianModel", "mean": MEAN, "deviation": 0.05, "side_px": 24}
    (folder / "config.json").write_text(json.dumps(config))
    return root


def drawn(page: Page, data: Path, mode: str) -> np.ndarray:
    """Generates in the open tab and returns the new picture, (H, W, 3)."""
    before = set(data.rglob("*.png"))
    page.locator("button.go:visible").click()
    page.wait_for_function(
        "mode => ['done', 'failed'].includes(loom.stages[mode]?.value.state)", arg=mode
    )
    assert page.evaluate("mode => loom.stages[mode].value.message", mode) == ""
    (new,) = set(data.rglob("*.png")) - before
    return np.asarray(Image.open(new).convert("RGB"))


def test_it_draws_in_the_page(chromium: Browser, tmp_path: Path) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    models, data = gaussian_models(tmp_path / "models"), tmp_path / "data"
    program = ("-m", "tests.gaussian_app")
    flags = ("--models", str(models), "--dtype", "float32", "--device", "cpu")
    with running(data, *flags, fake_step_s=None, program=program) as server:
        pages = Pages(chromium, server.url)
        try:
            page = pages()
            prompt = page.locator("#txt2img-prompt textarea")
            expect(prompt).to_be_enabled()
            prompt.fill("a boat")
            page.get_by_label("Model", exact=True).click()
            page.get_by_role("option", name="cloud · Gaussian").click()
            expect(prompt).to_be_disabled()
            expect(page.locator("#txt2img-prompt")).to_contain_text("'cloud' reads no prompt")
            picture = drawn(page, data, "txt2img")
            assert picture.shape == (24, 24, 3)
            pixels = picture.reshape(-1, 3) / 127.5 - 1
            assert np.allclose(pixels.mean(0), MEAN, atol=0.05)

            page.get_by_role("tab", name="img2img").click()
            content = io.BytesIO()
            Image.new("RGB", (24, 24), (10, 10, 10)).save(content, "PNG")
            page.locator("#img2img-image input[type=file]").first.set_input_files(
                {"name": "dark.png", "mimeType": "image/png", "buffer": content.getvalue()}
            )
            changed = drawn(page, data, "img2img")
            assert changed.shape == (24, 24, 3)
            assert changed.mean() > 20

            page.get_by_role("tab", name="txt2img").click()
            page.get_by_label("Model", exact=True).click()
            page.get_by_role("option", name="Pocket ·").click()
            expect(prompt).to_be_enabled()
            expect(prompt).to_have_value("a boat")
        finally:
            pages.close()
        assert pages.problems == []

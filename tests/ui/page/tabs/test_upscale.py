"""The upscale tab in a real browser, on the stand-in: enlarged, beside Lanczos, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, open_tab

pytestmark = pytest.mark.browser


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32] = (200, 60, 30)
    Image.fromarray(pixels).save(tmp_path / "small.png")
    return tmp_path / "small.png"


def opened(pages: Pages) -> Page:
    page = pages()
    open_tab(page, "upscale")
    expect(page.locator("#upscale-image input[type=file]")).to_be_attached()
    return page


def give(page: Page, picture: Path) -> None:
    page.locator("#upscale-image input[type=file]").set_input_files(picture)
    expect(page.locator("#upscale-image img").first).to_be_visible()


def choose(page: Page, title: str) -> None:
    page.locator("#upscale-upscaler input").click()
    page.get_by_role("option", name=title).click()


def ended(page: Page) -> dict[str, Any]:
    page.locator("button.go:visible").click()
    page.wait_for_function(
        "['done', 'failed', 'stopped'].includes(loom.stages.upscale.value.state)"
    )
    return page.evaluate("loom.stages.upscale.value")


def test_a_picture_is_enlarged_and_stands_beside_lanczos(pages: Pages, picture: Path) -> None:
    page = opened(pages)
    give(page, picture)
    choose(page, "pocket-sharp · Compact · 4x")
    done = ended(page)
    assert done["state"] == "done", done
    (result,) = done["results"]
    assert (result["width"], result["height"]) == (128, 96)
    page.get_by_role("button", name="Lanczos", exact=True).click()
    page.wait_for_function(
        "document.querySelector('#upscale-stage .wipe:not([hidden]) img')?.naturalWidth === 128"
    )


def test_ways_are_compared_as_labelled_tiles(pages: Pages, picture: Path) -> None:
    page = opened(pages)
    give(page, picture)
    choose(page, "pocket-sharp · Compact · 4x")
    page.locator("#upscale-strength input[type=number]").fill("0.3")
    page.locator("#upscale-strength input[type=number]").press("Tab")
    page.locator("#upscale-compare input").check()
    done = ended(page)
    assert done["state"] == "done", done
    assert [one["label"] for one in done["results"]] == [
        "Lanczos",
        "pocket-sharp",
        "Lanczos, drawn again 0.3",
        "pocket-sharp, drawn again 0.3",
    ]


def test_without_a_picture_it_says_what_to_add(pages: Pages) -> None:
    page = opened(pages)
    failed = ended(page)
    assert failed["state"] == "failed"
    assert failed["message"] == "There is no picture yet; add the one to enlarge."


def test_a_result_of_another_tab_is_sent_here(pages: Pages) -> None:
    page = pages()
    page.locator("button.go:visible").click()
    page.wait_for_function("loom.stages.txt2img.value.state === 'done'")
    page.locator(".stage:visible select.send").select_option("upscale")
    expect(page.locator("#upscale-image img").first).to_be_visible()
    done = ended(page)
    assert done["results"][0]["width"] == 512

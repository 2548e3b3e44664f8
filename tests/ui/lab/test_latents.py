"""The Latents panel in a browser, on the stand-in."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from tests.modes.lab.looking import picture
from tests.ui.conftest import Pages, open_tab


def test_a_picture_is_taken_apart_and_noise_follows_the_slider(
    pages: Pages, tmp_path: Path
) -> None:
    page = pages()
    open_tab(page, "Lab")
    panel = page.locator(".lab-latents")
    expect(panel).to_be_visible()
    colours = panel.get_by_placeholder("words, if you like").evaluate(
        "field => [getComputedStyle(field, '::placeholder').color, getComputedStyle(field).color]"
    )
    assert colours[0] != colours[1]  # it does not look written
    keep = panel.get_by_role("button", name="Save the data").first
    expect(keep).to_be_disabled()
    expect(panel.get_by_role("heading", name="The latents, channel by channel")).to_be_hidden()
    Image.fromarray(picture()).save(tmp_path / "ramp.png")
    panel.locator("input[type=file]").set_input_files(tmp_path / "ramp.png")
    expect(panel.locator(".facts")).to_contain_text("48 × fewer")
    expect(panel.locator(".lab-pictures.small figure")).to_have_count(4)
    noisy = panel.locator("[data-level]")
    expect(noisy.locator("figure")).to_have_count(2)
    before = noisy.get_attribute("data-level")
    panel.get_by_label("Noise level").fill("29")
    expect(noisy).not_to_have_attribute("data-level", str(before))
    expect(panel.locator("output")).to_contain_text("t 999")
    panel.get_by_role("button", name="Decode pure noise").click()
    expect(noisy).to_contain_text("Pure noise, decoded")
    with page.expect_download() as saved:
        keep.click()
    assert saved.value.suggested_filename == "latents.json"


def test_it_fits_a_phone(pages: Pages) -> None:
    page = pages(width=420)
    open_tab(page, "Lab")
    expect(page.locator(".lab-latents")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 420

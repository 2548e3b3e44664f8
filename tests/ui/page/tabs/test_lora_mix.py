"""The LoRA mix tab in a browser, wide and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, kind_of, open_tab


def opened(page: Page) -> Page:
    open_tab(page, "LoRA mix")
    expect(page.locator("#lora_mix-loras .none")).to_contain_text("grand-oil does not")
    return page


def generate(page: Page) -> None:
    before = page.evaluate("loom.stages.lora_mix.value.job ?? null")
    page.locator("button.go:visible").click()
    page.wait_for_function(
        "before => loom.stages.lora_mix.value.state === 'done' && "
        "loom.stages.lora_mix.value.job !== before",
        arg=before,
    )


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_loras_are_mixed_and_compared(pages: Pages, width: int) -> None:
    page = opened(pages(width=width))
    add = page.locator("#lora_mix-loras .lora-add")
    add.click()
    add.click()
    page.get_by_label("Exact weight of pocket-neon").fill("0.5")
    page.get_by_label("Exact weight of pocket-neon").press("Tab")
    page.get_by_label("Prompt", exact=True).locator("visible=true").fill("a red house")
    generate(page)
    expect(page.locator("#lora_mix-stage .strip .thumb")).to_have_count(1)
    page.get_by_label("Compare LoRAs").check()
    generate(page)
    shown = page.locator("#lora_mix-stage .strip .thumb")
    labels = shown.evaluate_all("all => all.map((b) => b.dataset.label ?? '')")
    assert labels == ["no LoRA", "pocket-ink 1", "pocket-neon 0.5", "all together"]
    page.get_by_label("Use pocket-ink").uncheck()
    generate(page)
    labels = shown.evaluate_all("all => all.map((b) => b.dataset.label ?? '')")
    assert labels == ["no LoRA", "pocket-neon 0.5"]
    for target in (add, page.get_by_label("Use pocket-neon"), shown.last):
        box = target.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_a_loras_words_are_a_press_away_from_the_prompt(pages: Pages) -> None:
    page = opened(pages())
    page.locator("#lora_mix-loras .lora-add").click()
    prompt = page.get_by_label("Prompt", exact=True).locator("visible=true")
    prompt.fill("a red house")
    expect(page.locator("#lora_mix-loras .card span")).to_have_text("Pocket · rank 8 · 1.0 MB")
    word = page.get_by_role("button", name="Word of pocket-ink: ink")
    word.click()
    expect(prompt).to_have_value("a red house, ink")
    word.click()
    expect(prompt).to_have_value("a red house, ink")
    page.get_by_role("button", name="Two LoRAs, compared").click()
    expect(page.get_by_label("Compare LoRAs")).to_be_checked()
    expect(page.locator("#lora_mix-loras .lora-row")).to_have_count(2)


@pytest.mark.browser
def test_an_empty_tab_compares_with_words_and_leaves_the_actions_in_sight(pages: Pages) -> None:
    page = opened(pages(width=1400, height=900))
    page.get_by_role("button", name="Two LoRAs, compared").click()
    expect(page.get_by_label("Prompt", exact=True).locator("visible=true")).not_to_have_value("")
    expect(page.get_by_label("Compare LoRAs")).to_be_checked()
    generate(page)
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("#lora_mix-stage .strip .thumb")).to_have_count(4)
    for name in ("Download", "Compare"):
        box = page.locator("#lora_mix-stage .actions").get_by_text(name, exact=True).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900
        assert box["x"] + box["width"] <= 1400


def two_rows(page: Page) -> None:
    add = page.locator("#lora_mix-loras .lora-add")
    add.click()
    add.click()
    page.get_by_label("Prompt", exact=True).locator("visible=true").fill("a red house")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_the_pad_shows_the_point_at_once_and_then_exactly(pages: Pages, width: int) -> None:
    page = opened(pages(width=width))
    page.locator("#lora_mix-pad > button").click()
    build = page.get_by_role("button", name="Draw the pad")
    build.click()
    expect(page.locator(".pad .line")).to_contain_text("two to four LoRAs that are on")
    two_rows(page)
    build.click()
    field = page.get_by_label("Point between the LoRAs")
    expect(field.locator("img")).to_be_visible()
    expect(page.locator(".pad .mix")).to_have_text("pocket-ink 0.5 · pocket-neon 0.5 · coarse")
    middle = field.locator("img").get_attribute("src")
    field.press("Shift+ArrowRight")
    field.press("Shift+ArrowRight")
    expect(page.locator(".pad .mix")).to_contain_text("pocket-ink 0 · pocket-neon 1")
    expect(field).to_have_attribute("aria-valuetext", "pocket-ink 0 · pocket-neon 1")
    expect(page.locator(".pad .mix")).not_to_contain_text("coarse")  # the exact picture is there
    exact = field.locator("img").get_attribute("src") or ""
    assert exact != middle
    assert kind_of(page, ".pad .field img") == "image/png"
    box = field.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    expect(page.locator(".pad .mix")).to_contain_text("coarse")
    coarse = field.locator("img").get_attribute("src")
    page.mouse.up()
    expect(field.locator("img")).not_to_have_attribute("src", str(coarse))
    page.get_by_role("button", name="Put these weights").click()
    weight = float(page.get_by_label("Exact weight of pocket-ink").input_value())
    assert weight == pytest.approx(0.75, abs=0.02)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_the_footprint_of_the_last_picture(pages: Pages, width: int) -> None:
    page = opened(pages(width=width))
    page.locator("#lora_mix-footprint > button").click()
    measure = page.get_by_role("button", name="Measure the last picture")
    measure.click()
    expect(page.locator(".footprint .line")).to_contain_text("There is no picture yet")
    page.get_by_label("Prompt", exact=True).locator("visible=true").fill("a red house")
    generate(page)
    measure.click()
    expect(page.locator(".footprint .line")).to_contain_text("without LoRAs")
    two_rows(page)
    generate(page)
    measure.click()
    expect(page.locator(".footprint figcaption b")).to_have_text(["50 %", "50 %"])
    expect(page.get_by_alt_text("Where pocket-ink changed the prediction")).to_be_visible()
    expect(page.locator(".footprint rect")).to_have_count(40)
    page.locator("#lora_mix-regions > button.label-wrap").click()
    page.get_by_role("button", name="Add a region").locator("visible=true").click()
    page.get_by_label("Prompt of region 1").locator("visible=true").fill("a blue boat")
    generate(page)
    measure.click()
    expect(page.locator(".footprint figcaption b")).to_have_text(["33 %"] * 3)
    inside = page.locator(".footprint .inside")
    expect(inside).to_have_text("100 % in its place")
    assert inside.evaluate("node => node.scrollWidth <= node.clientWidth")  # none of it is cut
    expect(page.get_by_alt_text("Where region 1: a blue boat changed")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width

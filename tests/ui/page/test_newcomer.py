"""Twenty things that somebody does who sees the page for the first time, one after another.

After each of them Generate is in sight without scrolling and can be pressed, what was typed is in
its field or a press of *Undo* away, and what went wrong says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.ui.conftest import PATIENCE_MS, Pages, Server, open_tab
from tests.ui.page.desk import IN_SIGHT, TWICE, Desk
from tests.ui.page.test_access import serious

pytestmark = pytest.mark.browser


Task = Callable[[Desk], str]


def takes_an_example(desk: Desk) -> str:
    chip = desk.page.locator("#txt2img-stage .welcome .chip").first
    words = chip.inner_text()
    chip.click()
    desk.draws()  # at once, and with these words
    assert desk.page.evaluate("JSON.parse(localStorage['loom.past'])[0].prompt") == words
    return words


def writes_and_presses_ctrl_enter(desk: Desk) -> str:
    desk.says("a red house on a hill")
    desk.draws(press=lambda: desk.prompt.press("Control+Enter"))
    return "a red house on a hill"


def stops_and_keeps_what_there_is(desk: Desk) -> str:
    desk.says("a long way home")
    desk.sets("steps", 150)
    desk.page.locator("button.go:visible").click()
    desk.page.wait_for_function("loom.stages.txt2img.live.step > 1")
    desk.page.locator("button.stop:visible").click()
    desk.page.wait_for_function("loom.stages.txt2img.live.state === 'stopped'")
    expect(desk.page.locator("#txt2img-stage .frame")).to_be_visible()
    return "a long way home"


def draws_four_and_takes_the_third(desk: Desk) -> str:
    desk.says("four boats")
    desk.sets("batch_size", 4)
    desk.draws()
    desk.page.locator("#txt2img-stage .tiles .cell").nth(2).click()
    expect(desk.page.locator("#txt2img-stage .frame")).to_be_visible()
    return "four boats"


def keeps_the_seed_of_a_picture_it_likes(desk: Desk) -> str:
    desk.says("a green fish")
    desk.draws()
    seed = desk.page.locator("#txt2img-stage .seed b").inner_text()
    desk.presses("Seed of the last picture")
    expect(desk.page.get_by_label("Seed", exact=True).locator("visible=true")).to_have_value(seed)
    desk.presses("Random seed")
    expect(desk.page.get_by_label("Seed", exact=True).locator("visible=true")).to_have_value("-1")
    return "a green fish"


def makes_it_wide(desk: Desk) -> str:
    desk.says("a wide sea")
    desk.page.locator("#txt2img-size .ratios").get_by_role("button", name="16:9").click()
    desk.draws()
    desk.page.wait_for_function(
        """() => {
            const frame = document.querySelector('#txt2img-stage .frame');
            return frame.complete && frame.naturalWidth > 1.5 * frame.naturalHeight;
        }"""
    )
    return "a wide sea"


def looks_at_it_large(desk: Desk) -> str:
    desk.says("a small bird")
    desk.draws()
    desk.page.locator("#txt2img-stage .frame").click()
    expect(desk.page.locator(".lightbox")).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator(".lightbox")).to_be_hidden()
    return "a small bird"


def says_what_it_does_not_want(desk: Desk) -> str:
    desk.says("a garden")
    fold = desk.unfolds("negative")
    fold.locator("textarea").fill("people")
    fold.locator("> button").click()
    expect(fold.locator(".badge")).to_be_visible()
    desk.draws()
    return "a garden"


def adds_a_lora_and_takes_it_away(desk: Desk) -> str:
    desk.says("a house by a lake")
    fold = desk.unfolds("lora")
    fold.locator(".lora-add").click()
    fold.locator("> button").click()
    expect(fold.locator(".badge")).to_have_text("1")
    desk.draws()
    desk.presses("Set back: LoRA")
    expect(fold.locator(".badge")).to_have_count(0)
    return "a house by a lake"


def puts_a_style_on(desk: Desk) -> str:
    desk.says("a cat")
    fold = desk.unfolds("styles")
    chip = fold.get_by_role("button", name="At night")
    chip.click()
    expect(desk.prompt).to_have_value("a cat, at night")
    chip.click()
    expect(desk.prompt).to_have_value("a cat")
    return "a cat"


def tries_a_preset_and_wants_its_words_back(desk: Desk) -> str:
    desk.says("my own words")
    desk.page.wait_for_function("loom.forms.txt2img.last.prompt === 'my own words'")
    desk.page.get_by_label("Preset", exact=True).click()
    desk.page.get_by_role("option", name="Crisp default", exact=True).click()
    expect(desk.prompt).not_to_have_value("my own words")
    note = desk.page.locator(".loom-note", has_text="Crisp default").last
    note.get_by_role("button", name="Undo").click()
    expect(desk.prompt).to_have_value("my own words")
    return "my own words"


def turns_a_knob_and_sets_it_back(desk: Desk) -> str:
    desk.says("a tree")
    desk.sets("steps", 33)
    desk.presses("Reset steps")
    expect(desk.field("steps")).to_have_value("20")
    return "a tree"


def takes_a_step_back(desk: Desk) -> str:
    desk.says("a ship")
    desk.page.wait_for_function("loom.forms.txt2img.last.prompt === 'a ship'")
    desk.sets("steps", 44)
    desk.page.wait_for_function("loom.forms.txt2img.last.steps === 44")
    desk.page.evaluate("document.activeElement.blur()")
    desk.page.keyboard.press("Control+z")
    expect(desk.field("steps")).to_have_value("20")
    return "a ship"


def names_a_wildcard_that_is_not_there(desk: Desk) -> str:
    desk.says("a __color__ house")
    desk.draws("failed")
    said = desk.page.locator("#txt2img-stage .overlay")
    expect(said).to_contain_text("there are: colour")
    expect(desk.prompt).to_have_value("a __color__ house")
    said.get_by_role("button", name="Use __colour__").click()
    expect(desk.prompt).to_have_value("a __colour__ house")
    expect(said).to_be_hidden()
    desk.draws()
    return "a __colour__ house"


def forgets_the_picture_of_img2img(desk: Desk) -> str:
    desk.opens("img2img", "img2img")
    desk.says("a photo as a drawing")
    desk.draws("failed")
    said = desk.page.locator("#img2img-stage .overlay")
    expect(said).to_contain_text("no picture")
    with desk.page.expect_file_chooser() as chooser:
        said.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(desk.picture)
    expect(desk.page.locator("#img2img-image img").first).to_be_visible()
    expect(desk.page.locator("#img2img-stage .overlay")).to_be_hidden()
    desk.draws()
    return "a photo as a drawing"


def sends_a_result_on(desk: Desk) -> str:
    desk.opens("loopback", "loopback")
    desk.says("words of another tab")
    desk.sits_down()
    desk.says("a house to go on with")
    desk.draws()
    send = desk.page.locator("#txt2img-stage select.send")
    send.select_option("loopback")
    desk.mode = "loopback"
    expect(desk.page.locator("#loopback-image img").first).to_be_visible()
    expect(desk.prompt).to_have_value("words of another tab")
    desk.opens("img2img", "img2img")
    desk.says("")
    desk.page.wait_for_function("!loom.forms.img2img.last.prompt")
    desk.opens("txt2img", "txt2img")
    send.select_option("img2img")
    desk.mode = "img2img"
    expect(desk.prompt).to_be_visible()
    expect(desk.prompt).to_have_value("a house to go on with")
    expect(desk.page.locator("#img2img-image img").first).to_be_visible()
    return "a house to go on with"


def takes_settings_out_of_the_history(desk: Desk) -> str:
    desk.says("words not to be lost")
    desk.page.wait_for_function("loom.forms.txt2img.last.prompt === 'words not to be lost'")
    desk.presses("History")
    desk.page.locator(".gallery .past .open").first.click()
    desk.presses("Use settings")
    expect(desk.prompt).not_to_have_value("words not to be lost")
    expect(desk.page.locator(".gallery")).to_be_hidden()
    desk.page.evaluate("document.activeElement.blur()")
    desk.page.keyboard.press("Control+z")
    expect(desk.prompt).to_have_value("words not to be lost")
    return "words not to be lost"


def looks_into_every_tab_and_reloads(desk: Desk) -> str:
    desk.says("still here")
    names = desk.page.locator("[role=tab][data-tab-id]").all_inner_texts()
    for name in [name for name in names if name.strip()]:
        open_tab(desk.page, name.strip())
        if name.strip() == "Lab":  # it looks into a model and draws nothing, so it has no Generate
            expect(desk.page.locator("button.go:visible")).to_have_count(0)
            continue
        desk.page.wait_for_function(IN_SIGHT)
        if name == "upscale":  # a picture to try it with is at hand
            desk.presses("An example picture")
            expect(desk.page.locator("#upscale-image img").first).to_be_visible()
    twice = desk.page.evaluate(TWICE)
    assert twice == [], twice
    desk.opens("txt2img", "txt2img")
    expect(desk.prompt).to_have_value("still here")
    desk.pages.reload(desk.page)
    expect(desk.prompt).to_have_value("still here")
    return "still here"


def morphs_and_is_asked_for_the_ends(desk: Desk) -> str:
    desk.opens("morph", "morph")
    desk.draws("failed")
    expect(desk.page.locator("#morph-stage .overlay")).to_contain_text("End A is missing")
    for key, value in {
        "prompt_a": "a house",
        "prompt_b": "a boat",
        "frames": 4,
        "steps": 4,
    }.items():
        desk.sets(key, value)
    desk.draws()
    expect(desk.field("prompt_a")).to_have_value("a house")
    return ""


def asks_for_two_at_once_and_for_the_keys(desk: Desk) -> str:
    desk.says("the first of two")
    desk.sets("steps", 60)
    desk.page.locator("button.go:visible").click()
    expect(desk.page.get_by_role("button", name="Add to queue")).to_be_visible()
    desk.says("the second of two")
    desk.page.get_by_role("button", name="Add to queue").click()
    desk.page.evaluate("document.activeElement.blur()")
    desk.page.keyboard.press("?")
    expect(desk.page.locator(".shortcuts")).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator(".shortcuts")).to_have_count(0)
    expect(desk.page.locator("button.go:visible span")).to_have_text("Generate")
    assert desk.page.evaluate("loom.stages.txt2img.value.state") == "done"
    return "the second of two"


TASKS: tuple[Task, ...] = (
    takes_an_example,
    writes_and_presses_ctrl_enter,
    stops_and_keeps_what_there_is,
    draws_four_and_takes_the_third,
    keeps_the_seed_of_a_picture_it_likes,
    makes_it_wide,
    looks_at_it_large,
    says_what_it_does_not_want,
    adds_a_lora_and_takes_it_away,
    puts_a_style_on,
    tries_a_preset_and_wants_its_words_back,
    turns_a_knob_and_sets_it_back,
    takes_a_step_back,
    names_a_wildcard_that_is_not_there,
    forgets_the_picture_of_img2img,
    sends_a_result_on,
    takes_settings_out_of_the_history,
    looks_into_every_tab_and_reloads,
    morphs_and_is_asked_for_the_ends,
    asks_for_two_at_once_and_for_the_keys,
)


@pytest.fixture(scope="module")
def desk(
    chromium: Browser, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """One page for all of them, as one person has."""
    expect.set_options(timeout=PATIENCE_MS)
    picture = tmp_path_factory.mktemp("pictures") / "photo.png"
    Image.fromarray(np.full((192, 256, 3), (200, 60, 30), np.uint8)).save(picture)
    pages = Pages(chromium, server.url)
    yield Desk(pages(), pages, picture)
    pages.close()
    assert pages.problems == []


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_a_newcomer_gets_there(desk: Desk, task: Task) -> None:
    if task is not takes_an_example:
        desk.sits_down()
    desk.page.wait_for_function(IN_SIGHT)
    words = task(desk)
    expect(desk.prompt).to_have_value(words)
    desk.page.wait_for_function(IN_SIGHT)
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 1400


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_serious_stands_in_any_tab(desk: Desk, dark: bool) -> None:
    """axe-core on every tab, in both themes, in a page where things have been done."""
    desk.sits_down()
    desk.page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    names = [
        name.strip() for name in desk.page.locator("[role=tab][data-tab-id]").all_inner_texts()
    ]
    for name in filter(None, names):
        open_tab(desk.page, name)
        assert serious(desk.page) == [], name


def test_at_twice_the_size_everything_is_there(desk: Desk) -> None:
    """200 % zoom of 1400 x 900 is a window of 700 x 450: one column, nothing cut off sideways."""
    desk.page.set_viewport_size({"width": 700, "height": 450})
    desk.sits_down()
    desk.page.wait_for_function(IN_SIGHT)
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 700
    desk.says("a house at twice the size")
    desk.draws()
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 700
    desk.page.wait_for_function(IN_SIGHT)
    desk.page.set_viewport_size({"width": 1400, "height": 900})


def test_a_picture_is_made_by_keyboard_alone(desk: Desk) -> None:
    """From the tab's name to the picture and back, without a pointer."""
    desk.sits_down()
    page = desk.page
    page.locator("[role=tab][data-tab-id][aria-selected=true]").focus()

    def reaches(wanted: str, most: int = 40) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({wanted!r})"):
                return
        raise AssertionError(f"{wanted} was not reached")

    reaches("#txt2img-prompt textarea")
    page.keyboard.type("a kite")
    reaches("button.go")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    shadow = page.evaluate("getComputedStyle(document.activeElement).boxShadow")
    assert outline != "none" or shadow != "none"
    before = page.evaluate("loom.stages.txt2img.value.job ?? ''")
    page.keyboard.press("Enter")
    page.wait_for_function(
        """before => {
            const {state, job} = loom.stages.txt2img.value;
            return state === 'done' && job !== before;
        }""",
        arg=before,
    )
    reaches("#txt2img-steps :is(input[type=number], input[type=range])")
    reaches("#txt2img-stage .download", 80)
    expect(desk.prompt).to_have_value("a kite")

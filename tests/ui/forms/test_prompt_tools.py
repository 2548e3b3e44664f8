"""The tools around the prompt in a real browser: tokens, weights, wildcards, styles, history."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import Pages, running, start, wait_state

pytestmark = pytest.mark.browser


def prompt_of(page: Page, mode: str = "txt2img") -> Locator:
    return page.locator(f"#{mode}-prompt textarea")


def tokens_of(page: Page, mode: str = "txt2img") -> Locator:
    return page.locator(".loom-words", has=page.locator(f"#{mode}-prompt")).locator(
        ".prompt-row .tokens"
    )


def choose(field: Locator, first: int, last: int) -> None:
    """Selects a stretch of a field's text."""
    field.evaluate(
        "(field, [from, to]) => { field.focus(); field.setSelectionRange(from, to); }",
        [first, last],
    )


def chosen(field: Locator) -> str:
    return field.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)")


def test_tokens_are_counted_as_one_types(pages: Pages) -> None:
    page = pages()
    expect(tokens_of(page)).to_have_text("0/75 tokens")
    prompt_of(page).press_sequentially("a (red:1.2) house <lora:pocket-ink:0.8>")
    expect(tokens_of(page)).to_have_text("3/75 tokens")
    prompt_of(page).fill("cat " * 76 + "BREAK fish")
    expect(tokens_of(page)).to_have_text("77/225 tokens, 3 chunks")
    assert tokens_of(page).get_attribute("title") == "Tokens in each chunk of 75: 75 + 1 + 1"
    page.get_by_role("button", name="negative prompt").click()
    page.locator("#txt2img-negative_prompt textarea").fill("blurry, grey")
    expect(page.locator("#txt2img-negative_prompt .tokens")).to_have_text("3/75 tokens")
    pages.reload(page)
    expect(tokens_of(page)).to_have_text("77/225 tokens, 3 chunks")
    page.get_by_role("tab", name="morph").click()
    page.locator("#morph-prompt_a textarea").fill("a house, red")
    expect(page.locator("#morph-prompt_a .tokens")).to_have_text("4/75 tokens")
    expect(tokens_of(page, "morph")).to_have_text("0/75 tokens")


def test_ctrl_and_arrows_weigh_words(pages: Pages) -> None:
    page = pages()
    field = prompt_of(page)
    field.fill("a red house")
    choose(field, 2, 5)
    field.press("Control+ArrowUp")
    expect(field).to_have_value("a (red:1.1) house")
    assert chosen(field) == "red"
    field.press("Control+ArrowUp")
    expect(field).to_have_value("a (red:1.2) house")
    expect(tokens_of(page)).to_have_text("3/75 tokens")
    for _ in range(2):
        field.press("Control+ArrowDown")
    expect(field).to_have_value("a red house")
    assert chosen(field) == "red"
    field.press("Control+ArrowDown")
    expect(field).to_have_value("a (red:0.9) house")
    field.press("Control+z")
    expect(field).to_have_value("a red house")
    field.press("Control+ArrowDown")
    # At once, before the form can have heard of it: what is typed is what is kept over a reload.
    pages.reload(page)
    expect(field).to_have_value("a (red:0.9) house")
    pages.reload(page)
    expect(field).to_have_value("a (red:0.9) house")


# The text, what is selected of it, the key, the text that it becomes, and what is selected then.
WEIGHED = [
    ("a red house", (4, 4), "Up", "a (red:1.1) house", "red"),
    ("a red house", (1, 11), "Up", "a (red house:1.1)", "red house"),
    ("a (red house:1.3), b", (6, 6), "Down", "a (red house:1.2), b", "red house"),
    ("a (red:1.3)", (2, 11), "Up", "a (red:1.4)", "red"),
    ("a (red:0.9)", (5, 5), "Up", "a red", "red"),
    ("a ((red)) b", (5, 5), "Up", "a (red:1.31) b", "red"),
    ("a [red] b", (3, 6), "Up", "a (red:1.01) b", "red"),
    ("[red:blue:0.5]", (1, 4), "Up", "[(red:1.1):blue:0.5]", "red"),
    (r"a \(red\)", (4, 7), "Up", r"a \((red:1.1)\)", "red"),
    ("x <lora:ink:0.8> y", (6, 6), "Up", "x <lora:ink:0.85> y", ""),
    ("x <lora:ink> y", (6, 6), "Down", "x <lora:ink:0.95> y", ""),
    ("a, , b", (3, 3), "Up", "a, , b", ""),
]


def test_what_a_cursor_or_a_selection_means(pages: Pages) -> None:
    page = pages()
    field = prompt_of(page)
    for before, at, key, after, marked in WEIGHED:
        field.fill(before)
        choose(field, *at)
        field.press(f"Control+Arrow{key}")
        expect(field).to_have_value(after)
        assert chosen(field) == marked, before


RECORDS = "loom.stages.txt2img.value.results.map(one => one.seed)"


def test_wildcards_are_drawn_for_each_picture(pages: Pages) -> None:
    page = pages()
    start(page, "one __colour__ __subject__", steps=1, batch_size=3)
    wait_state(page, "done")
    expect(tokens_of(page)).to_have_text("~3/75 tokens")
    seeds = page.evaluate(RECORDS)
    assert len(seeds) == 3
    assert seeds[1:] == [seeds[0] + 1, seeds[0] + 2]
    page.get_by_role("button", name="History").click()
    words = page.locator(".past .words")
    expect(words.first).to_contain_text("one ")
    drawn = [words.nth(i).inner_text() for i in range(3)]
    assert all(len(text.split()) == 3 and "__" not in text for text in drawn)
    page.locator(".past .open").first.click()
    page.get_by_role("button", name="Use settings").click()
    expect(prompt_of(page)).to_have_value(drawn[0])
    expect(
        page.locator(".loom-note", has_text="drawn from “one __colour__ __subject__”")
    ).to_be_visible()
    page.locator(".loom-note button").last.click()
    start(page, "a __color__")
    expect(page.locator("#txt2img-stage .overlay")).to_contain_text(
        "There is no wildcard '__color__'; there are: colour, scene, setting, size, subject."
    )


# Text, style, and the text with it.
STYLED = [
    ("a cat", "photo of {prompt}, sharp", "photo of a cat, sharp"),
    ("a cat", "bright", "a cat, bright"),
    ("a cat, ", "bright", "a cat, bright"),
    ("", "bright", "bright"),
    ("", "{prompt}, at night", ", at night"),
]


def test_a_style_stands_in_the_prompt_and_is_taken_out_again(pages: Pages) -> None:
    page = pages()
    field = prompt_of(page)
    page.locator("#txt2img-styles > button.label-wrap").click()
    chips = page.locator("#txt2img-styles")
    expect(chips.get_by_role("button", name="Watercolour")).to_be_visible()
    for text, style, styled in STYLED:
        made, back = page.evaluate(
            """([text, style]) => {
            const made = loom.styled.put(text, style);
            return [made, loom.styled.taken(made, style)];
        }""",
            [text, style],
        )
        assert made == styled
        assert back == text.removesuffix(", ")
    field.fill("a cat")
    chips.get_by_role("button", name="Watercolour").click()
    made = "watercolour painting of a cat, soft edges, paper texture"
    expect(field).to_have_value(made)
    negative = page.locator("#txt2img-negative_prompt textarea")
    expect(negative).to_be_visible()
    expect(negative).to_have_value("photo, 3d render, sharp lines")
    chips.get_by_role("button", name="At night").click()
    expect(field).to_have_value(f"{made}, at night")
    pressed = chips.locator(".chip[aria-pressed=true]")
    expect(pressed).to_have_text(["At night", "Watercolour"])
    chips.get_by_role("button", name="Watercolour").click()
    expect(field).to_have_value("a cat, at night")
    expect(negative).to_have_value("")
    expect(pressed).to_have_text(["At night"])
    field.fill("a dog")  # taken out by hand
    expect(pressed).to_have_count(0)


def test_embeddings_go_into_the_prompt_typed_in_last(pages: Pages) -> None:
    page = pages()
    field = prompt_of(page)
    fold = page.locator("#txt2img-styles")
    fold.locator("> button.label-wrap").click()
    chips = fold.get_by_role("group", name="Embeddings")
    ink, hands = (chips.get_by_role("button", name=name) for name in ("inkwash", "bad-hands"))
    expect(ink).to_be_visible()
    expect(fold.locator(".words .none")).to_be_hidden()
    for name, why in (("grand-calm", "another kind of model"), ("cut-short", "copy it again")):
        expect(chips.get_by_role("button", name=name)).to_be_disabled()
        expect(chips.get_by_role("button", name=name)).to_have_attribute("title", re.compile(why))
    field.fill("a cat")
    ink.click()
    expect(field).to_have_value("a cat, inkwash")
    expect(ink).to_have_attribute("aria-pressed", "true")
    page.locator("#txt2img-negative > button.label-wrap").click()
    negative = page.locator("#txt2img-negative_prompt textarea")
    negative.fill("blurry")
    hands.click()
    expect(negative).to_have_value("blurry, bad-hands")
    expect(field).to_have_value("a cat, inkwash")
    ink.click()
    expect(field).to_have_value("a cat")
    expect(ink).to_have_attribute("aria-pressed", "false")
    field.fill("(embedding:INKWASH:1.2), a cat")  # however it is written
    expect(ink).to_have_attribute("aria-pressed", "true")
    for text, left in (
        ("inkwash", ""),
        ("a cat, inkwash, grass", "a cat, grass"),
        ("inkwash, a cat", "a cat"),
        ("an inkwash cat", "an cat"),
        ("inkwash-2, a cat", "inkwash-2, a cat"),
    ):
        taken = page.evaluate("text => loom.embedded.without(text, 'inkwash')", text)
        assert " ".join(taken.split()) == left


def test_a1111s_styles_are_imported(pages: Pages, tmp_path: Path) -> None:
    with running(tmp_path) as studio:
        page = pages(studio.url)
        page.locator("#txt2img-styles > button.label-wrap").click()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Import styles.csv").click()
        content = b'name,prompt,negative_prompt\n"<b>Mine</b>",{prompt} by hand,\n'
        chooser.value.set_files([{"name": "styles.csv", "mimeType": "text/csv", "buffer": content}])
        expect(page.locator(".loom-note", has_text="1 style is in the list")).to_be_visible()
        prompt_of(page).fill("a cat")
        page.get_by_role("button", name="<b>Mine</b>").click()
        expect(prompt_of(page)).to_have_value("a cat by hand")
        assert b"by hand" in (tmp_path / "styles.csv").read_bytes()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Import styles.csv").click()
        chooser.value.set_files([{"name": "a.csv", "mimeType": "text/csv", "buffer": b"a,b\n"}])
        expect(page.locator(".loom-note.warn", has_text="its first line is")).to_be_visible()
        pages.rest(page)


def test_past_prompts_come_back_by_keyboard(pages: Pages) -> None:
    page = pages()
    page.get_by_role("button", name="negative prompt").click()
    negative = page.locator("#txt2img-negative_prompt textarea")
    for number, prompt in enumerate(("a first house", "a second house", "a third house")):
        negative.fill(f"blur {number}")
        start(page, prompt, steps=1)
        page.wait_for_function(
            "n => JSON.parse(localStorage['loom.past'] ?? '[]').length === n", arg=number + 1
        )
    wait_state(page, "done")
    opener = page.get_by_role("button", name="Past prompts").first
    opener.focus()
    page.keyboard.press("Enter")
    rows = page.locator(".past-prompt").locator("visible=true")
    expect(rows).to_have_count(3)
    expect(rows.first).to_be_focused()
    expect(rows.first).to_contain_text("a third house")
    page.keyboard.press("Escape")
    expect(rows.first).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(prompt_of(page)).to_have_value("a second house")
    expect(negative).to_have_value("blur 1")
    expect(prompt_of(page)).to_be_focused()
    # It is there after a reload, and in another tab; what is used again moves to the top.
    page.keyboard.press("Control+Enter")
    page.wait_for_function("JSON.parse(localStorage['loom.past'])[0].prompt === 'a second house'")
    pages.reload(page)
    page.get_by_role("tab", name="img2img").click()
    page.get_by_role("button", name="Past prompts").locator("visible=true").click()
    expect(rows).to_have_count(3)
    rows.nth(1).click()
    expect(prompt_of(page, "img2img")).to_have_value("a third house")
    page.evaluate("""() => {
        for (let i = 0; i < 60; i++) {
            loom.prompts.txt2img.fill({prompt: `prompt ${i}`, negative_prompt: ""});
            loom.rememberPrompt("txt2img");
        }
    }""")
    assert page.evaluate("JSON.parse(localStorage['loom.past']).length") == 50
    page.get_by_role("button", name="Past prompts").locator("visible=true").click()
    page.get_by_role("button", name="Forget them").locator("visible=true").click()
    assert page.evaluate("JSON.parse(localStorage['loom.past'])") == []


def test_weights_of_another_tool_are_translated_by_a_button(pages: Pages) -> None:
    page = pages()
    field = prompt_of(page)
    row = page.locator(".loom-words", has=page.locator("#txt2img-prompt")).locator(".prompt-row")
    translate = row.locator(".translate")
    field.fill("a plain (red:1.2) house")
    expect(translate).to_be_hidden()
    field.fill("a {red} house AND a {{tower}}")
    expect(translate).to_have_text("Translate NovelAI's weights")
    expect(row.locator(".said")).to_contain_text("2 prompts steer the picture side by side")
    translate.click()
    expect(field).to_have_value("a (red:1.05) house AND a (tower:1.1025)")
    expect(page.locator(".loom-note", has_text="‘red’ weighs 1.05")).to_be_visible()
    expect(translate).to_be_hidden()

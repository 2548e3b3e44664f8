"""The form in a real browser: marks, presets, records, history."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.ui.conftest import Pages, running, start, wait_state

pytestmark = pytest.mark.browser

DROP = """async () => {
    const url = loom.stages.txt2img.value.results[0].url;
    const file = new File([await (await fetch(url)).blob()], "one.png", {type: "image/png"});
    const data = new DataTransfer();
    data.items.add(file);
    for (const type of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true}));
}"""


def steps_of(page: Page):
    return page.locator("#txt2img-steps input[type=number]")


def note(page: Page, text: str) -> None:
    expect(page.locator(".loom-note", has_text=text).first).to_be_visible()


def test_the_page_is_calm_after_another_model_is_chosen(pages: Pages) -> None:
    page = pages()
    page.evaluate("""() => {
        const changed = loom.changed;
        window.heard = {};
        loom.changed = (mode, ...rest) => {
            window.heard[mode] = performance.now();
            return changed(mode, ...rest);
        };
    }""")
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="Studio Xl").click()
    guidance = page.locator("#txt2img-guidance_scale input[type=number]")
    expect(guidance).to_have_value("6.5")
    page.wait_for_function(
        "['txt2img', 'img2img', 'style_transfer', 'lora_mix', 'morph', 'clip', 'upscale']"
        ".every(mode => window.heard[mode] > 0)"
    )
    # Forms that answer each other never come to two seconds in which no form changes.
    page.wait_for_function("performance.now() - Math.max(...Object.values(heard)) > 2000")


def test_changes_are_marked_and_reset(pages: Pages) -> None:
    page = pages()
    expect(page.locator(".loom-changed")).to_have_count(0)
    steps_of(page).fill("33")
    steps_of(page).press("Tab")
    expect(page.locator("#txt2img-steps.loom-changed")).to_have_count(1)
    page.get_by_role("button", name="Reset steps").click()
    expect(steps_of(page)).to_have_value("20")
    expect(page.locator(".loom-changed")).to_have_count(0)
    page.get_by_label("Sampler", exact=True).click()
    page.get_by_role("option", name="DDIM", exact=True).click()
    expect(page.get_by_label("Schedule", exact=True)).to_have_value("model's own")
    page.get_by_role("button", name="Advanced").click()
    expect(page.get_by_label("number input for Eta")).to_be_visible()
    pages.reload(page)
    expect(page.get_by_label("number input for Eta")).to_be_visible()
    expect(page.get_by_label("Sampler", exact=True)).to_have_value("DDIM")


TYPES_AT_ONCE = """async ([opener, name]) => {
    document.querySelector(opener).click();
    const { port1, port2 } = new MessageChannel();
    let field;
    while (!(field = document.querySelector(name)))  // quicker than a frame
        await new Promise(done => { port1.onmessage = done; port2.postMessage(0); });
    field.focus();
    field.value = '2';
    field.dispatchEvent(new Event('input', { bubbles: true }));
}"""


@pytest.mark.parametrize(("opener", "field"), [
    ("#txt2img-advanced > button", "#txt2img-clip_skip input[type=number]"),
    ("[role=tab]:nth-of-type(2)", "#img2img-prompt textarea"),
])  # fmt: skip
def test_what_is_typed_as_its_fold_or_tab_opens_stays(
    pages: Pages, opener: str, field: str
) -> None:
    page = pages()
    page.evaluate(TYPES_AT_ONCE, [opener, field])
    page.wait_for_timeout(500)
    expect(page.locator(field)).to_have_value("2")


def test_a_dropped_picture_fills_the_form(pages: Pages) -> None:
    page = pages()
    start(page, "a green fish", steps=9)
    wait_state(page, "done")
    seed = page.locator(".seed b").inner_text()
    page.get_by_label("Prompt", exact=True).fill("something else")
    steps_of(page).fill("50")
    steps_of(page).press("Tab")
    page.evaluate(DROP)
    page.get_by_role("button", name="Use its settings").click()
    note(page, "settings are in the form")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a green fish")
    expect(steps_of(page)).to_have_value("9")
    expect(page.get_by_label("Seed", exact=True)).to_have_value(seed)


FOREIGN = (
    "a red house <lora:nobody-has-this:0.7>\nNegative prompt: fog\n"
    "Steps: 8, Sampler: Euler a, CFG scale: 5, Seed: 42, Size: 256x256, Model: dreams v8, "
    "VAE: softer.safetensors, ADetailer model: face_yolov8n.pt, Face restoration: GFPGAN, "
    'Lora hashes: "renamed: 0", Tiling: True, Wildcard prompt: "__colour__"'
)
HANDS_OVER = """async (sent) => {
    const bytes = Uint8Array.from(atob(sent), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "one.avif", {type: "image/avif"}));
    document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
}"""


def test_all_that_a_record_says_and_is_not_here_is_told(pages: Pages) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + FOREIGN.encode("utf-16-be")
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "avif", exif=exif.tobytes())
    page = pages()
    page.evaluate(HANDS_OVER, base64.b64encode(stream.getvalue()).decode())
    page.locator(".ask").get_by_role("button", name="Use its settings").click()
    told = page.locator(".loom-note", has_text="Not all of it")
    lines = told.locator("li")
    expect(lines.first).to_have_text(
        "The model 'dreams v8', the autoencoder 'softer' and the LoRA 'nobody-has-this' are not "
        "here."
    )
    for words in (
        "The model that was chosen stays",
        "'Face restoration: GFPGAN'",
        "'Wildcard prompt",
    ):
        expect(lines.filter(has_text=words)).to_have_count(1)
    told.get_by_text("As it was written").click()
    expect(told.locator("pre")).to_contain_text("Face restoration: GFPGAN")
    page.get_by_role("button", name="Generate").click()
    held = page.locator(".loom-note", has_text="drawn as it stands")
    expect(held).to_contain_text("models/checkpoints and models/vae and models/loras")
    assert page.evaluate("loom.stages.txt2img.live.job ?? null") is None
    held.get_by_role("button", name="Draw all the same").click()
    wait_state(page, "failed")
    assert "nobody-has-this" in page.evaluate("loom.stages.txt2img.value.message")


def test_presets_and_history_outlive_a_restart(pages: Pages, tmp_path: Path) -> None:
    name = "Abendlicht über der Wiese"
    with running(tmp_path) as first:
        page = pages(first.url)
        start(page, "an evening meadow", steps=11)
        wait_state(page, "done")
        page.get_by_role("button", name="Presets").click()
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Save as", exact=True).click()
        note(page, "saved")
        page.get_by_label("Name", exact=True).fill("../up")
        page.get_by_role("button", name="Save as", exact=True).click()
        expect(page.locator(".loom-note.warn")).to_be_visible()
        pages.rest(page)
    (tmp_path / "presets" / "broken.json").write_text("{")
    with running(tmp_path) as second:
        page = pages(second.url)
        note(page, "broken")
        expect(steps_of(page)).to_have_value("20")
        page.get_by_label("Preset", exact=True).click()
        page.get_by_role("option", name=name).click()
        expect(steps_of(page)).to_have_value("11")
        page.get_by_role("button", name="Presets").click()
        with page.expect_download() as exported:
            page.get_by_role("button", name="Export chosen").click()
        content = Path(exported.value.path()).read_bytes()
        page.get_by_role("button", name="Delete chosen").click()
        page.get_by_role("button", name="Keep it").click()
        page.get_by_role("button", name="Delete chosen").click()
        page.get_by_role("button", name="Delete it").click()
        note(page, "deleted")
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Import a file").click()
        chooser.value.set_files(
            [{"name": "p.json", "mimeType": "application/json", "buffer": content}]
        )
        note(page, "imported")
        page.get_by_role("button", name="Close", exact=True).click()
        page.get_by_role("button", name="History").click()
        page.get_by_label("Search in the history").fill("MEADOW evening")
        expect(page.locator(".past")).to_have_count(1)
        page.get_by_label("Search in the history").fill("nothing like it")
        expect(page.locator(".past")).to_have_count(0)
        page.get_by_label("Search in the history").fill("")
        page.locator(".past .open").first.click()
        page.get_by_role("button", name="Use settings").click()
        expect(page.get_by_label("Prompt", exact=True)).to_have_value("an evening meadow")
        pages.rest(page)


def test_the_open_tab_is_saved_and_its_preset_opens_it(pages: Pages, tmp_path: Path) -> None:
    with running(tmp_path) as studio:
        page = pages(studio.url)
        page.get_by_role("tab", name="img2img").click()
        steps = page.locator("#img2img-steps input[type=number]")
        steps.fill("31")
        steps.press("Tab")
        page.get_by_role("button", name="Presets").click()
        page.get_by_label("Name", exact=True).fill("Second look")
        page.get_by_role("button", name="Save as", exact=True).click()
        note(page, "saved")
        steps.fill("7")
        steps.press("Tab")
        page.get_by_role("tab", name="txt2img").click()
        expect(steps).to_be_hidden()
        page.get_by_label("Preset", exact=True).click()
        page.get_by_role("option", name="Second look · img2img").click()
        expect(steps).to_be_visible()
        expect(steps).to_have_value("31")
        pages.rest(page)


def test_of_two_presets_chosen_in_haste_the_last_one_counts(pages: Pages) -> None:
    page = pages()
    page.evaluate("""() => {
        const ask = window.fetch;
        window.fetch = async (...asked) => {
            const answer = await ask(...asked);
            if (String(asked[0]?.url ?? asked[0]).includes("/run/predict")) {
                window.late = (window.late ?? 0) + 1;
                await new Promise((go) => setTimeout(go, 1500));
            }
            return answer;
        };
    }""")
    for name in ("Quick sketch", "Crisp default"):
        page.get_by_label("Preset", exact=True).click()
        page.get_by_role("option", name=name, exact=True).click()
    expect(steps_of(page)).to_have_value("24")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a yellow boat on the sea")
    assert page.evaluate("window.late") >= 2  # both were asked for, and answered late

"""Hands inside the loop, in a real browser: changes of the picture that forms, pauses, and on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.ui.conftest import PATIENCE_MS, Pages, open_tab, running, start, wait_state

pytestmark = pytest.mark.browser
NOW = "loom.stages.txt2img.value"


@pytest.fixture
def slow_pages(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Its runs outlast what is done beside them."""
    expect.set_options(timeout=PATIENCE_MS)
    with running(tmp_path_factory.mktemp("data"), fake_step_s="0.4") as server:
        opened = Pages(chromium, server.url)
        yield opened
        opened.close()
        assert opened.problems == []


def test_a_run_is_changed_rests_and_goes_on_from_any_step(slow_pages: Pages) -> None:
    page = slow_pages()
    live = page.get_by_role("button", name="Live", exact=True).first
    words = page.get_by_label("Prompt", exact=True)
    stage = page.locator("#txt2img-stage")
    line = stage.locator(".line")
    start(page, "a red house", steps=150, seed=5)
    page.wait_for_function(f"{NOW}.step >= 2")
    words.fill("a boat")  # the switch is off
    page.wait_for_function("loom.forms.txt2img.last.prompt === 'a boat'")
    assert not page.evaluate(f"{NOW}.told.changes ?? null")
    live.click()
    expect(live).to_have_attribute("aria-pressed", "true")
    expect(line).to_contain_text("changed from step")
    words.fill("a blue boat")
    page.wait_for_function(f"{NOW}.told.changes?.at(-1).value === 'a blue boat'")
    changes = page.evaluate(f"{NOW}.told.changes")
    assert [each["value"] for each in changes] == ["a boat", "a blue boat"]
    assert 2 <= changes[0]["step"] < changes[1]["step"]
    stage.get_by_role("button", name="Pause", exact=True).click()
    wait_state(page, "paused")
    expect(line).to_contain_text("paused after step")
    kept = page.evaluate(f"{NOW}.timeline.steps")
    stage.get_by_role("button", name="One step").click()
    page.wait_for_function(
        f"n => {NOW}.state === 'paused' && {NOW}.timeline.steps === n + 1", arg=kept
    )
    slow_pages.reload(page)
    wait_state(page, "paused")  # the page comes back to it
    stage.locator(".timeline input[type=range]").fill("2")
    live.click()
    words.fill("a green tree")
    stage.get_by_role("button", name="Go on from step 2").click()
    page.wait_for_function(f"{NOW}.told.changes?.at(-1).value === 'a green tree'")
    changes = page.evaluate(f"{NOW}.told.changes")
    assert [(each["step"], each["value"]) for each in changes] == [(2, "a green tree")]
    page.locator(".actions-row .stop").first.click()
    wait_state(page, "stopped")
    expect(stage.locator(".pausing")).to_be_hidden()
    open_tab(page, "morph")
    expect(page.locator("#morph-stage")).to_be_visible()
    assert page.evaluate("loom.forms.morph.go.parentElement.querySelector('.change')") is None

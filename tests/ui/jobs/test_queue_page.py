"""The queue in a real browser: Generate adds, the list shows, own jobs move and stop."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import PATIENCE_MS, Pages, Server, running, start, wait_state

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("data"), fake_step_s="2") as server:
        yield server


@pytest.fixture
def slow_pages(chromium: Browser, slow: Server) -> Iterator[Pages]:
    """Its runs outlast what is done beside them; what a test has left of them is stopped."""
    expect.set_options(timeout=PATIENCE_MS)
    opened = Pages(chromium, slow.url)
    yield opened
    opened.close()
    httpx.post(f"{slow.url}/loom/queue/stop", timeout=60).raise_for_status()
    assert opened.problems == []


def prompts(page: Page) -> list[str]:
    return page.locator(".queue-list .words").all_inner_texts()


def add(page: Page, prompt: str) -> None:
    """Adds a job to the queue and waits until it is listed."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("button", name="Add to queue").click()
    expect(page.locator(".queue-list .words", has_text=prompt)).to_have_count(1)


def test_jobs_wait_move_up_stop_and_outlive_a_reload(slow_pages: Pages) -> None:
    page = slow_pages()
    queue = page.locator(".queue-box .queue")
    expect(queue).to_have_text("queue is free")
    place = page.locator(".canvas").first.bounding_box()
    start(page, "one house", steps=150)  # it must outlast what is done beside it
    wait_state(page, "running")
    for prompt in ("two trees", "three boats", "four fish"):
        add(page, prompt)
    expect(queue).to_have_text("running · 3 waiting")
    queue.click()
    assert prompts(page) == ["one house", "two trees", "three boats", "four fish"]
    expect(page.locator(".queue-list li").nth(1)).to_contain_text("1 before it · starts in about")
    # The job that runs is seen forming; the others have a place for it.
    thumbs = page.locator(".queue-list .thumb")
    page.wait_for_function("document.querySelector('.queue-list .thumb').naturalWidth > 0")
    boxes = [thumb.bounding_box() for thumb in thumbs.all()]
    assert [(box["width"], box["height"]) for box in boxes if box] == [(40, 40)] * 4
    page.get_by_role("button", name="Move up: four fish").click()
    expect(page.locator(".queue-list .words").nth(2)).to_have_text("four fish")
    keep = page.get_by_role("button", name="Keep when I leave: two trees")
    expect(keep).to_have_attribute("aria-pressed", "false")
    keep.click()
    expect(keep).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Stop: three boats").click()
    expect(page.locator(".queue-list li")).to_have_count(3)
    assert page.locator(".canvas").first.bounding_box() == place
    page.keyboard.press("Escape")
    expect(page.locator(".queue-list")).to_be_hidden()
    assert page.evaluate("loom.stages.txt2img.value.state") == "running"
    slow_pages.reload(page)
    expect(queue).to_have_text("running · 2 waiting")
    page.locator(".actions-row .stop").first.click()
    page.wait_for_function(
        "loom.stages.txt2img.value.state === 'running' && "
        "document.querySelector('.queue').innerText.includes('1 waiting')"
    )
    queue.click()
    assert prompts(page) == ["two trees", "four fish"]


def test_the_stage_shows_one_job_after_the_other(pages: Pages) -> None:
    page = pages()
    start(page, "one house", steps=60)
    wait_state(page, "running")
    first = page.evaluate("loom.stages.txt2img.value.job")
    add(page, "two trees")
    page.wait_for_function("first => loom.stages.txt2img.value.job !== first", arg=first)
    wait_state(page, "done")
    expect(page.locator(".queue-box .queue")).to_have_text("queue is free")
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()


def test_a_job_that_never_began_does_not_take_the_place_of_a_result(slow_pages: Pages) -> None:
    page = slow_pages()
    start(page, "one house", steps=150)  # stopped below: how long it takes tells nothing
    wait_state(page, "running")
    first = page.evaluate("loom.stages.txt2img.value.job")
    add(page, "two trees")
    page.locator(".queue-box .queue").click()
    page.get_by_role("button", name="Stop: two trees").click()
    expect(page.locator(".queue-list li")).to_have_count(1)
    page.keyboard.press("Escape")
    page.locator(".actions-row .stop").first.click()
    wait_state(page, "stopped")
    expect(page.locator(".queue-box .queue")).to_have_text("queue is free")
    page.wait_for_timeout(2500)  # more than two rounds of the queue's questions
    assert page.evaluate("[loom.stages.txt2img.value.job, loom.stages.txt2img.value.state]") == [
        first,
        "stopped",
    ]


def test_generate_may_be_pressed_the_moment_a_run_is_done(pages: Pages) -> None:
    page = pages()
    start(page, "a house", steps=1)
    wait_state(page, "done")
    # The run before may still be closing its stream; nothing of a press may be lost.
    ended = page.evaluate("""async () => {
        const { stages, forms } = window.loom, jobs = new Set();
        const over = () => stages.txt2img.value.state === "done"
            && forms.txt2img.go.textContent.includes("Generate");
        for (let run = 0; run < 6; run++) {
            forms.txt2img.go.click();
            for (const since = performance.now(); !over() && performance.now() - since < 20000;)
                await new Promise((go) => setTimeout(go));
            jobs.add(stages.txt2img.value.job);
        }
        return { jobs: jobs.size, state: stages.txt2img.value.state };
    }""")
    assert ended == {"jobs": 6, "state": "done"}


def test_a_picture_of_several_is_skipped_and_the_next_begins(slow_pages: Pages) -> None:
    page = slow_pages()
    skip = page.locator(".loom-actions .skip").first
    expect(skip).to_be_hidden()
    start(page, "three boats", steps=100, batch_count=3)
    wait_state(page, "running")
    expect(skip).to_have_attribute("title", "Skip this picture (1 of 3), keep the rest")
    skip.click()
    expect(skip).to_have_attribute("title", "Skip this picture (2 of 3), keep the rest")
    expect(skip).to_be_enabled()
    assert page.evaluate("loom.stages.txt2img.value.state") == "running"
    page.keyboard.press("Escape")
    wait_state(page, "stopped")
    expect(skip).to_be_hidden()
    start(page, "three together", steps=100, batch_count=1, batch_size=3)
    page.wait_for_function("loom.stages.txt2img.value.timeline?.batch === 3")
    expect(skip).to_be_disabled()
    expect(skip).to_have_attribute("title", re.compile("drawn together in one call"))
    page.keyboard.press("Escape")
    wait_state(page, "stopped")

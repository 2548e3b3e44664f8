"""The page with somebody in front of it, for tests of what a newcomer does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, Response, expect

from tests.ui.conftest import Pages, open_tab

IN_SIGHT = """() => [...document.querySelectorAll('button.go')].some((go) => {
    const {left, top, right, bottom} = go.getBoundingClientRect();
    if (!(right > left) || top < 0 || left < 0 || bottom > innerHeight || right > innerWidth)
        return false;
    const there = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return go.contains(there) && !go.disabled;
})"""
TWICE = """() => {
    const named = [...document.querySelectorAll('[id]:not(svg *)')];
    const ids = named.map((node) => node.id).filter(Boolean);
    return [...new Set(ids.filter((id, i) => ids.indexOf(id) !== i))];
}"""


CHANGED = """() => {
    const {defaults, last} = loom.forms.txt2img;
    const said = (values, key) => String(values[key] ?? '');
    return Object.keys(defaults).filter((key) => said(last, key) !== said(defaults, key));
}"""


def asked_for(answer: Response) -> str:
    """What a server's answer was asked by."""
    return answer.request.post_data or "" if answer.request.method == "POST" else ""


class Desk:
    """The page with somebody in front of it."""

    def __init__(self, page: Page, pages: Pages, picture: Path) -> None:
        self.page, self.pages, self.picture = page, pages, picture
        self.mode = "txt2img"

    def opens(self, name: str, mode: str) -> None:
        open_tab(self.page, name)
        self.mode = mode
        self.page.wait_for_function(
            "mode => Boolean(loom.stages[mode] && loom.forms[mode] && loom.restored[mode])",
            arg=mode,
        )

    def sits_down(self) -> None:
        """At the first tab as it is when nothing was changed in it."""
        if self.page.locator("dialog[open], .gallery:visible").count():
            self.page.keyboard.press("Escape")
        self.opens("txt2img", "txt2img")
        self.says("")
        self.page.wait_for_function("!loom.forms.txt2img.last.prompt")
        # The server's answer is waited for: late, it would take away what is typed next.
        if changed := self.page.evaluate(CHANGED):
            with self.page.expect_response(lambda answer: '"keys"' in asked_for(answer)):
                self.page.evaluate("keys => loom.forms.txt2img.reset(keys)", changed)
            expect(self.page.locator("#txt2img-steps.loom-changed")).to_have_count(0)

    @property
    def prompt(self) -> Locator:
        return self.page.locator(f"#{self.mode}-prompt textarea")

    def field(self, key: str) -> Locator:
        return self.page.locator(f"#{self.mode}-{key} :is(textarea, input[type=number])")

    def says(self, words: str) -> None:
        self.prompt.fill(words)

    def sets(self, key: str, value: object) -> None:
        self.field(key).fill(str(value))
        self.field(key).press("Tab")

    def presses(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).locator("visible=true").first.click()

    def unfolds(self, key: str) -> Locator:
        fold = self.page.locator(f"#{self.mode}-{key}")
        if "open" not in (fold.locator("> button").get_attribute("class") or ""):
            fold.locator("> button").click()
        return fold

    def draws(self, end: str = "done", press: Callable[[], None] | None = None) -> None:
        """Presses Generate, or does what starts a run, and waits for the end of the new one."""
        before = self.page.evaluate("mode => loom.stages[mode].value.job ?? ''", self.mode)
        (press or self.page.locator("button.go:visible").click)()
        self.page.wait_for_function(
            """([mode, before, end]) => {
                const {state, job} = loom.stages[mode].value;
                return state === end && (end === 'failed' || (job ?? '') !== before);
            }""",
            arg=[self.mode, before, end],
        )

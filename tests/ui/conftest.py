"""A real server on the FakeEngine, and a real browser in front of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
)
from playwright.sync_api import Error as PlaywrightError

from tests.browsing import REST, slowed
from tests.ui.forked import Forked, Nursery

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 120_000  # a slow machine with other work is no failure
NURSERY = Nursery(ROOT)


@dataclass(frozen=True)
class Server:
    """A running app.

    Attributes:
        url: Where it answers, without a slash at the end.
        said: What it printed until it was ready.
        data: Its data folder.
    """

    url: str
    said: str
    data: Path
    process: subprocess.Popen[str] | Forked


def free_port() -> int:
    """A port that nobody listened to a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    data: Path,
    *flags: str,
    fake_step_s: str | None = "0.01",
    program: Sequence[str] = ("app.py",),
    cwd: Path = ROOT,
    **environment: str,
) -> Iterator[Server]:
    """Starts `app.py` on a free port and ends it with SIGTERM.

    With the stand-in engine and nothing else changed, it is forked from a process that has imported
    what it needs: that takes a fifth of the time. With the real engine it starts as people do it.

    Args:
        fake_step_s: Seconds a step of the FakeEngine takes; None starts the real engine.
        program: What Python is to run.
        cwd: Where.
    """
    fake = [] if fake_step_s is None else ["--fake", fake_step_s]
    arguments = [*fake, "--port", str(free_port()), "--data", str(data), *flags]
    script = program[0] if len(program) == 1 and program[0].endswith(".py") else ""
    plain = fake and script and cwd == ROOT and not environment
    if plain and NURSERY.works:
        process = NURSERY.studio(arguments, script)
    else:
        process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=cwd,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
        )
    said = ""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if line.startswith("Press Ctrl+C"):
                break
        else:
            pytest.fail(f"app.py ended before it answered:\n{said}")
        url = next(word for word in said.split() if word.startswith("http://")).rstrip("/")
        yield Server(url, said, data, process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


_ANSWER = """
import json, os, pathlib
pathlib.Path({answer!r}).write_text(json.dumps(told), encoding="utf-8")
os._exit(0)  # whatever threads there are
"""


def said_by(code: str, folder: Path, *arguments: str) -> list[str]:
    """The lines that a program prints, errors too, in a process of its own that ends well.

    It is forked from one that has imported what a studio on the stand-in engine needs.

    Args:
        code: The program, run at the repository's root.
        folder: Where it is put.
        arguments: Its `sys.argv[1:]`.
    """
    script = folder / "said_by.py"
    script.write_text(code, encoding="utf-8")
    if NURSERY.works:
        process: subprocess.Popen[str] | Forked = NURSERY.studio(arguments, str(script))
    else:
        process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    assert process.stdout is not None
    with process.stdout as stream:
        said = stream.read()
    assert process.wait(120) == 0, said
    return said.splitlines()


def told_by(code: str, folder: Path, *arguments: str) -> Any:
    """What a program leaves in its variable `told`; see `said_by`.

    It comes by a file: what threads and warnings print may stand within a line of the program's.
    """
    answer = folder / "told.json"
    said = said_by(f"{code}{_ANSWER.format(answer=str(answer))}", folder, *arguments)
    assert answer.exists(), said
    return json.loads(answer.read_text("utf-8"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the session."""
    with running(tmp_path_factory.mktemp("data"), fake_step_s="0.05") as started:
        yield started


class Pages:
    """Opens pages, each in a browser profile of its own, and notes what goes wrong in them.

    A profile that a test has left is used by the next one, emptied: its tab has the page's scripts
    compiled, which is half of what opening the page takes.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._opened: list[tuple[Page, str, Callable[[Request], None]]] = []
        self._plain: list[BrowserContext] = []
        self._leaving = False
        self.problems: list[str] = []
        self.tolerated: str | None = None
        """A part of console errors that are no problem in this test."""

    def __call__(
        self,
        url: str = "",
        *,
        width: int = 1400,
        height: int = 900,
        dark: bool = False,
        login: tuple[str, str] | None = None,
    ) -> Page:
        """Opens the page and waits until it can be used."""
        url = url or self._url
        page = self._tab()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        asked = partial(self._request, url.split("#")[0])
        page.on("console", self._console)
        page.on("pageerror", self._error)
        page.on("request", asked)
        self._opened.append((page, url, asked))
        page.goto(url)
        if login is not None:
            page.get_by_label("username").fill(login[0])
            page.get_by_label("password").fill(login[1])
            page.get_by_role("button", name="Login").click()
        ready(page)
        return page

    def _tab(self) -> Page:
        """A tab that waits for a test, best one of this server, else one of a new profile."""
        tabs = [context.pages[0] for context in self._browser.contexts if len(context.pages) == 1]
        for rest in (self._url + REST, REST):
            if found := [tab for tab in tabs if tab.url.endswith(rest)]:
                return found[0]
        context = self._browser.new_context()
        context.set_default_timeout(PATIENCE_MS)
        return slowed(context.new_page())

    def plain(self, url: str) -> Page:
        """Opens a page that is not ours; nothing is noted of it."""
        context = self._browser.new_context()
        context.set_default_timeout(PATIENCE_MS)
        self._plain.append(context)
        page = slowed(context.new_page())
        page.goto(url)
        return page

    def reload(self, page: Page) -> None:
        """Reloads; Gradio's complaints about its cut streams are no problem."""
        self._leaving = True
        page.reload()
        ready(page)
        self._leaving = False

    def wait(self, page: Page) -> None:
        """Waits for a page that reloads itself."""
        page.wait_for_function("performance.getEntriesByType('navigation')[0].type === 'reload'")
        ready(page)

    def leave(self, page: Page) -> None:
        """Goes to an empty page; as with `reload`."""
        self._leaving = True
        page.goto("about:blank")
        self._leaving = False

    def expect_complaints(self) -> None:
        """From here on, the page may complain of connections that the test cuts."""
        self._leaving = True

    def rest(self, page: Page) -> None:
        """Done with a page before its server ends; its emptied profile is used by the next one."""
        leaving, self._leaving = self._leaving, True
        (opened,) = [one for one in self._opened if one[0] is page]
        self._opened.remove(opened)
        self._put_down(*opened)
        self._leaving = leaving

    def close(self) -> None:
        """Empties the profiles and leaves their tabs for the next test."""
        self._leaving = True
        for context in self._plain:
            context.close()
        for opened in self._opened:
            self._put_down(*opened)

    def _put_down(self, page: Page, url: str, asked: Callable[[Request], None]) -> None:
        page.remove_listener("console", self._console)
        page.remove_listener("pageerror", self._error)
        page.remove_listener("request", asked)
        try:
            _emptied(page, url)
        except PlaywrightError:  # the test has closed it, or it hangs
            page.context.close()

    def _error(self, error: PlaywrightError) -> None:
        if not self._leaving:
            self.problems.append(str(error))

    def _console(self, message: ConsoleMessage) -> None:
        if self.tolerated is not None and self.tolerated in message.text:
            return
        if message.type == "error" and not self._leaving:
            self.problems.append(f"{message.text} ({message.location['url']})")

    def _request(self, url: str, request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            self.problems.append(f"request to {request.url}")


def _emptied(page: Page, url: str) -> None:
    """Brings a tab to rest, with nothing left of what the page at `url` has kept in its profile."""
    context = page.context
    for other in context.pages:
        if other is not page:
            other.close()
    page.route(f"**{REST}", lambda route: route.fulfill(body="", content_type="text/html"))
    # On the page's own address, where its storage is at hand and its scripts are not.
    page.goto("/".join(url.split("/", 3)[:3]) + REST, wait_until="commit")
    page.evaluate(
        """() => new Promise((done) => {
            localStorage.clear();
            sessionStorage.clear();
            const asked = indexedDB.deleteDatabase('loom');
            asked.onsuccess = asked.onerror = asked.onblocked = () => done(null);
        })"""
    )
    page.unroute_all(behavior="ignoreErrors")
    context.clear_cookies()
    context.clear_permissions()


@pytest.fixture
def pages(chromium: Browser, server: Server) -> Iterator[Pages]:
    """Pages of the session's server; script errors and foreign requests fail the test."""
    expect.set_options(timeout=PATIENCE_MS)
    opened = Pages(chromium, server.url)
    yield opened
    opened.close()
    assert opened.problems == []


def ready(page: Page) -> None:
    """Waits until the tab can be used: its scripts have run and the form is restored."""
    page.wait_for_function("window.loom?.restored.txt2img === true && loom.forms.txt2img")


def kind_of(page: Page, selector: str) -> str:
    """The media type of what a picture on the page shows, by its first bytes."""
    begins = page.evaluate(
        """async selector => {
        const answer = await fetch(document.querySelector(selector).src);
        return [...new Uint8Array(await answer.arrayBuffer())].slice(0, 4);
    }""",
        selector,
    )
    kinds = {(0x89, 0x50, 0x4E, 0x47): "image/png", (0xFF, 0xD8, 0xFF): "image/jpeg"}
    return next((kind for magic, kind in kinds.items() if tuple(begins[: len(magic)]) == magic), "")


def open_tab(page: Page, name: str) -> None:
    """Opens a tab, also one that a narrow window keeps in the menu at the end of the row."""
    tab = page.get_by_role("tab", name=name, exact=True).first  # the Lab has tabs within its own
    if not tab.is_visible():
        page.get_by_role("button", name="More tabs").click()
        tab = page.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True)
    tab.click()


def wait_state(page: Page, *states: str) -> None:
    """Waits until the stage is in one of the states."""
    page.wait_for_function(
        "states => states.includes(window.loom?.stages.txt2img?.value.state)", arg=list(states)
    )


def start(page: Page, prompt: str, **values: int) -> None:
    """Fills the form and generates."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    for key, value in values.items():
        field = page.locator(f"#txt2img-{key} input[type=number]")
        field.fill(str(value))
        field.press("Tab")
    page.keyboard.press("Control+Enter")


def paint_mask(page: Page, mode: str = "img2img") -> None:
    """Draws a stroke through the middle of a tab's picture, and leaves the easel."""
    page.locator(f"#{mode}-painted .paint").click()
    sheet = page.locator(f"#{mode}-stage .easel .sheet")
    expect(sheet).to_be_visible()
    stroke(page, mode, (0.3, 0.5), (0.7, 0.5))
    expect(page.locator(f"#{mode}-painted .clear-mask")).to_contain_text("mask")
    expect(page.locator(f"#{mode}-painted .easel-door[data-sent=true]")).to_be_visible()
    page.locator(f"#{mode}-stage .easel .done").click()


def stroke(page: Page, mode: str, *places: tuple[float, float], button: Any = "left") -> None:
    """Moves the pressed mouse over places of the open easel's picture, each a share of its size."""
    box = page.locator(f"#{mode}-stage .easel .sheet").bounding_box()
    assert box is not None
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down(button=button)
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up(button=button)

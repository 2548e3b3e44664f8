"""The app that is photographed, the browser before it, and what every part does there."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Locator, Page

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "images"
QUALITY = 82
PROMPT = "a red house on grass"
SEED = "7"


def free_port() -> int:
    """A port that nobody listened to a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PORT = free_port()
URL = f"http://127.0.0.1:{PORT}"


@contextmanager
def app(data: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """The app, from its start until its port answers, ended by SIGTERM."""
    # What is trained goes into the last folder of models.
    command = [
        sys.executable,
        "app.py",
        "--port",
        str(PORT),
        "--data",
        str(data / "data"),
        "--models",
        str(data / "models"),
        *flags,
    ]
    (data / "models").mkdir(exist_ok=True)
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Press Ctrl+C"):
                break
        yield process
    finally:
        process.terminate()
        process.wait(30)


def opened(browser: Browser, width: int, height: int, *, dark: bool = False) -> Page:
    """The page, ready to be used."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(URL)
    page.wait_for_function("window.loom?.restored.txt2img === true && loom.forms.txt2img")
    time.sleep(1)
    return page


def open_tab(page: Page, name: str) -> None:
    """Opens a tab, also one that a narrow window keeps in the menu at the end of the row."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.is_visible():
        page.get_by_role("button", name="More tabs").click()
        tab = page.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True)
    tab.click()


def shot(
    seen: Page | Locator, name: str, *, whole: bool = False, clip: FloatRect | None = None
) -> None:
    """Writes what is seen: of a page its window, all of it, or a rectangle."""
    if whole:
        seen.evaluate("() => scrollTo(0, 0)")  # else what is sticky stands where the page was
        time.sleep(0.3)
    png = (
        seen.screenshot()
        if isinstance(seen, Locator)
        else seen.screenshot(full_page=whole, clip=clip)
    )
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.save(OUT / f"{name}.webp", quality=QUALITY, method=6)
    print(f"docs/images/{name}.webp", flush=True)


def generate(page: Page, prompt: str, seed: str = SEED) -> None:
    """Starts a run."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    field = page.get_by_label("Seed", exact=True)
    field.fill(seed)
    field.press("Tab")
    page.keyboard.press("Control+Enter")
    page.evaluate("scrollTo(0, 0)")


def wait(page: Page, state: str, mode: str = "txt2img") -> None:
    """Until the stage is in that state.

    Raises:
        RuntimeError: The run failed, with its sentence.
    """
    page.wait_for_function(
        "([mode, state]) => [state, 'failed'].includes(loom.stages[mode]?.value.state)",
        arg=[mode, state],
        timeout=1_800_000,
    )
    if page.evaluate("mode => loom.stages[mode].value.state", mode) == "failed":
        raise RuntimeError(page.evaluate("mode => loom.stages[mode].value.message", mode))


def again(page: Page) -> None:
    """One more run of the open tab, to its end."""
    job = page.evaluate("loom.stages.txt2img.value.job")
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "job => (v => v.job !== job && v.state === 'done')(loom.stages.txt2img.value)", arg=job
    )

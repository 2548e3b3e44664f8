"""What a person waits for on the page: its answer to a click, previews, tabs, the history.

`python -m bench.answers` starts the studio with the stand-in engine on a folder of many pictures
and drives it in Chromium (LOOM_CHROMIUM names it). Each figure is the middle of several tries:

- a press of Generate until the canvas shows that it was heard;
- that press until the first preview is on the canvas, less the stand-in's two steps;
- a press on a tab until its form is there, once every tab was open;
- a reload while a picture is drawn until that run's preview is on the canvas again;
- a press on History until the first row of pictures is drawn, of 10,000.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from backend.contracts.events import Record
from backend.contracts.settings import Txt2ImgSettings
from backend.recipes.metadata import write_png
from backend.storage.history import History
from backend.storage.outputs import Storage

ROOT = Path(__file__).parents[1]
PORT = 7875
PICTURES, TRIES, STEP_S = 10_000, 5, 0.05
USABLE = "window.loom?.restored.txt2img === true && loom.forms.txt2img"
# Its run may have ended by then where the machine is slow: its picture is there, then.
BACK = """() => window.loom?.stages.txt2img?.value.job
  && ['running', 'done'].includes(loom.stages.txt2img.value.state)
  && !document.querySelector('#txt2img-stage .frame').hidden"""
# Until what is asked for is true, looked at in each frame of the browser, in ms.
TIMED = """([selector, asked]) => new Promise((done) => {
  const began = performance.now(), test = new Function("return " + asked);
  document.querySelector(selector).click();
  const look = () => test() ? done(performance.now() - began) : requestAnimationFrame(look);
  requestAnimationFrame(look);
})"""


@dataclass(frozen=True)
class Figure:
    """A time that somebody waits.

    Attributes:
        what: For what.
        ms: In the middle of the tries.
        bar_ms: What it may be.
    """

    what: str
    ms: float
    bar_ms: float

    def __str__(self) -> str:
        held = "held" if self.ms <= self.bar_ms else "missed"
        return f"{self.what}: {self.ms:.0f} ms (bar {self.bar_ms:.0f}, {held})"


def fill(data: Path, count: int) -> None:
    """Puts that many small pictures into the outputs, some hundred a day, and reads them once."""
    day = datetime(2026, 1, 1, 12)
    image = np.zeros((32, 32, 3), np.uint8)
    for number in range(count):
        now = day + timedelta(days=number // 400, seconds=number % 400)
        told = {"prompt": f"picture {number}", "seed": number, "width": 32, "height": 32}
        settings = Txt2ImgSettings.model_validate(told)
        record = Record("txt2img", settings.model_dump(mode="json"), {"name": "m", "hash": ""})
        folder = data / "outputs" / f"{now:%Y-%m-%d}"
        folder.mkdir(parents=True, exist_ok=True)
        image[:] = number % 251
        name = f"{now:%H%M%S}-000_{number:010d}_00.png"
        (folder / name).write_bytes(write_png(image, record))
    History(Storage(data)).scan()


@contextmanager
def studio(port: int, data: Path) -> Iterator[str]:
    """A studio with the stand-in engine on a data folder."""
    command = [sys.executable, "app.py", "--fake", str(STEP_S), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--data", str(data)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Press Ctrl+C"):
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _timed(page: Page, selector: str, asked: str) -> float:
    return float(page.evaluate(TIMED, [selector, asked]))


def _middle(measure: Callable[[], float], tries: int = TRIES) -> float:
    return statistics.median(measure() for _ in range(tries))


def _pressed(page: Page, asked: str) -> float:
    """From a press of Generate on; the run is stopped afterwards."""
    stage = "loom.stages.txt2img"
    told = _timed(page, ".loom-actions .go", asked)
    page.keyboard.press("Escape")
    page.wait_for_function(f"['stopped', 'done'].includes({stage}.value.state)")
    page.evaluate("document.querySelector('#txt2img-stage .stage').dataset.frames = '0'")
    return told


def measured(page: Page) -> list[Figure]:
    """All figures, of a page that can be used."""
    steps = page.locator("#txt2img-steps input[type=number]")
    steps.fill("100")
    steps.press("Tab")
    heard = "document.querySelector('#txt2img-stage .stage').classList.contains('begun')"
    heard += " || ['queued', 'loading', 'running'].includes(loom.stages.txt2img.value.state)"
    drawn = "Number(document.querySelector('#txt2img-stage .stage').dataset.frames || 0) > 0"
    _pressed(page, drawn)  # loads the model
    answer = _middle(lambda: _pressed(page, heard))
    preview = _middle(lambda: _pressed(page, drawn)) - 2000 * STEP_S
    tabs = page.get_by_role("tab")
    for index in range(4):
        tabs.nth(index).click()
        page.wait_for_timeout(1500)
    switches = [
        _timed(
            page,
            f"[role=tab]:nth-of-type({index + 1})",
            f"document.querySelector('#{mode}-prompt')?.offsetParent !== null",
        )
        for index, mode in [*enumerate(("txt2img", "img2img", "style_transfer", "lora_mix"))] * 3
    ]

    def gallery() -> float:
        shown = "document.querySelectorAll('.gallery .past .words').length > 5"
        told = _timed(page, "[data-act=history]", shown)
        page.keyboard.press("Escape")
        page.wait_for_function("!document.querySelector('.gallery').open")
        page.evaluate("document.querySelector('.gallery .cells').replaceChildren()")
        return told

    def again() -> float:
        page.evaluate("document.querySelector('.loom-actions .go').click()")
        page.wait_for_function(drawn)
        began = time.perf_counter()
        page.reload(wait_until="commit")
        page.wait_for_function(BACK)
        told = 1000 * (time.perf_counter() - began)
        page.wait_for_function(USABLE)
        page.keyboard.press("Escape")
        page.wait_for_function("['stopped', 'done'].includes(loom.stages.txt2img.value.state)")
        return told

    tabs.nth(0).click()
    reload = _middle(again, 3)
    return [
        Figure("Generate is heard", answer, 100),
        Figure("first preview, beyond two steps", preview, 150),
        Figure("tab switch", statistics.median(switches), 150),
        Figure("reload to a running job", reload, 2000),
        Figure("history's first rows", _middle(gallery), 1000),
    ]


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.answers", description=main.__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--port", type=int, default=PORT)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        began = time.perf_counter()
        fill(data, args.pictures)
        print(f"{args.pictures:,} pictures made and read in {time.perf_counter() - began:.0f} s")
        with studio(args.port, data) as url, sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path=os.environ.get("LOOM_CHROMIUM", "/usr/bin/chromium"),
                args=["--no-sandbox", "--disable-gpu"],
            )
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(url)
            page.wait_for_function(USABLE)
            for figure in measured(page):
                print(figure)
            browser.close()


if __name__ == "__main__":
    main()

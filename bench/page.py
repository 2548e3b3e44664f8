"""What a first visit costs: bytes over the wire and requests, ours and Gradio's.

`python -m bench.page` starts the studio with the stand-in engine, opens it in a fresh profile of
Chromium (LOOM_CHROMIUM names it, as for the browser tests), and counts until the page is quiet.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Request, sync_playwright

ROOT = Path(__file__).parents[1]
BAR_BYTES, BAR_REQUESTS = 700_000, 12
QUIET_S = 3.0
PORT = 7874


@dataclass(frozen=True)
class Asked:
    """One request of the page.

    Attributes:
        path: Below the page's address.
        body_bytes: Its answer over the wire, without headers.
    """

    path: str
    body_bytes: int

    @property
    def ours(self) -> bool:
        """Whether the studio asks: not for Gradio's own files, nor what any page of it asks."""
        gradio = ("/assets/", "/static/", "/theme.css", "/gradio_api/heartbeat", "/manifest.json")
        return not self.path.startswith((*gradio, "/gradio_api/startup-events"))


@contextmanager
def studio(port: int) -> Iterator[str]:
    """A studio with the stand-in engine."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "app.py", "--fake", "0.05", "--port", str(port), "--data", data]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("Press Ctrl+C"):
                    break
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def visit(url: str, tab: str = "") -> tuple[list[Asked], float]:
    """What a first visit asks for, with a tab that is opened; and seconds until it can be used."""
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=os.environ.get("LOOM_CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        ended: list[Request] = []
        page.on("requestfinished", lambda request: ended.append(request))
        began = time.perf_counter()
        page.goto(url)
        page.wait_for_function("window.loom?.restored.txt2img === true && loom.forms.txt2img")
        ready_s = time.perf_counter() - began
        if tab:
            page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(QUIET_S * 1000)
        made = [_asked(request) for request in list(ended)]
        browser.close()
    return made, ready_s


def _asked(request: Request) -> Asked:
    return Asked(urlsplit(request.url).path, request.sizes()["responseBodySize"])


def lines(made: list[Asked], ready_s: float) -> str:
    """The figures in words."""
    ours = [one for one in made if one.ours]
    total = sum(one.body_bytes for one in made)
    return (
        f"{total / 1e6:.2f} MB (bar {BAR_BYTES / 1e6:.1f}) in {len(made)} requests; "
        f"ours: {len(ours)} (bar {BAR_REQUESTS}), {sum(one.body_bytes for one in ours) / 1e6:.2f} "
        f"MB; usable after {ready_s:.1f} s"
    )


def main() -> None:
    """Prints the figures; --json lists every request."""
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=main.__doc__)
    parser.add_argument("--tab", default="", help="open this tab as well, e.g. img2img")
    parser.add_argument("--json", action="store_true", help="every request, largest first")
    parser.add_argument("--port", type=int, default=PORT)
    args = parser.parse_args()
    with studio(args.port) as url:
        made, ready_s = visit(url, args.tab)
    if args.json:
        listed = sorted(made, key=lambda one: one.body_bytes, reverse=True)
        print(json.dumps([[one.path, one.body_bytes, one.ours] for one in listed], indent=0))
    print(lines(made, ready_s))


if __name__ == "__main__":
    main()

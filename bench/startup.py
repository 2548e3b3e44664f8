"""From the command to the page, and from the click to the picture, over HTTP as a user has it."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from gradio_client import Client

PORT = 7873
URL = f"http://127.0.0.1:{PORT}"


@dataclass(frozen=True)
class Startup:
    """Seconds of one start.

    Attributes:
        page_s: From `make run` to the page's answer.
        first_s: From the request to the first picture, in a server that has made none.
        later_s: The same for the pictures after it.
    """

    page_s: float
    first_s: float
    later_s: tuple[float, ...]


def startup(root: Path, prompt: str, later: int = 5) -> Startup:
    """Starts the app by `make run`, makes 1 + `later` pictures at default settings, ends it."""
    with tempfile.TemporaryDirectory() as data:
        began = time.perf_counter()
        process = subprocess.Popen(
            ["make", "run", f"ARGS=--port {PORT} --data {data}"],
            cwd=root,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            page_s = answered(began)
            client = Client(URL, verbose=False)
            made = [picture_s(client, prompt, seed) for seed in range(1 + later)]
        finally:
            process.terminate()
            process.wait(30)
    return Startup(page_s, made[0], tuple(made[1:]))


def answered(began: float, limit_s: float = 60.0) -> float:
    """Seconds until the page answers.

    Raises:
        TimeoutError: It did not within the limit.
    """
    while time.perf_counter() - began < limit_s:
        with contextlib.suppress(OSError), urllib.request.urlopen(URL, timeout=5) as page:
            if page.status == 200:
                return time.perf_counter() - began
        time.sleep(0.05)
    raise TimeoutError(f"The page did not answer within {limit_s:.0f} s.")


def picture_s(client: Client, prompt: str, seed: int) -> float:
    """Seconds from a request to the picture's file at the client."""
    began = time.perf_counter()
    client.predict(prompt=prompt, seed=seed, api_name="/txt2img")
    return time.perf_counter() - began


def lines(measured: Startup) -> str:
    """The figures in words."""
    return (
        f"`make run` (a second start) to the page's answer: {measured.page_s:.1f} s, bar 8 s. "
        f"First picture: {measured.first_s:.1f} s after the request, bar 6 s; later ones "
        f"{statistics.median(measured.later_s):.1f} s, bar 3 s.\n"
    )

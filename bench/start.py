"""The start: from the command to the page's answer, and from the answer to the first picture.

`python -m bench.start` measures in turn how long it takes to import what the studio stands on
(torch, Gradio, transformers, diffusers) and how long `make run` takes to answer and to draw, asked
as its page asks. It prints the medians and the ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PORT = 7873
PROMPT = "a red house on grass"
BAR_ANSWER, BAR_PICTURE = 0.25, 0.45
LIMIT_S = 120.0
IMPORTS = """
import os, torch, gradio, transformers, diffusers
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel
print("there", flush=True)
os._exit(0)
"""
_CONFIG = "window.gradio_config = "


@dataclass(frozen=True)
class Start:
    """Seconds of one start, and of the imports beside it.

    Attributes:
        imports_s: From a bare Python's start until the libraries are imported.
        answer_s: From `make run` to the page's answer.
        picture_s: From that answer to the first picture at the client, drawn by default settings.
        later_s: The same for a picture after it.
    """

    imports_s: float
    answer_s: float
    picture_s: float
    later_s: float


@dataclass(frozen=True)
class Page:
    """A page as it was answered.

    Attributes:
        url: Of the studio.
        config: What Gradio's page is built from.
    """

    url: str
    config: dict[str, Any]

    def picture_s(self, prompt: str, press: str) -> float:
        """Presses Generate in the first tab; seconds until the picture's file is here."""
        began = time.perf_counter()
        values = self._form("txt2img") | {"prompt": prompt}
        asked = {"press": press, "mode": "txt2img", "values": values}
        body = json.dumps(asked).encode()
        headers = {"Content-Type": "application/json"}
        answer = json.loads(_got(f"{self.url}/loom/jobs", body, headers))
        if "job" not in answer:
            raise RuntimeError(answer.get("error", "The press was not answered."))
        state = self._ended(str(answer["job"]))
        if state["state"] != "done":
            raise RuntimeError(str(state["message"]))
        _got(f"{self.url}/{state['results'][0]['url']}")
        return time.perf_counter() - began

    def _form(self, mode: str) -> dict[str, Any]:
        """The values of a tab's components, as a fresh page has them."""
        found: dict[str, Any] = {}
        for component in self.config["components"]:
            told = component["props"]
            name = str(told.get("elem_id") or "")
            if name.startswith(f"{mode}-"):
                found[name.removeprefix(f"{mode}-")] = told.get("value")
            elif name.endswith("model"):
                found["model"] = told.get("value")
        return found

    def _ended(self, job: str) -> dict[str, Any]:
        """Follows the job's states, as the page does, to the last."""
        state: dict[str, Any] = {}
        with urllib.request.urlopen(f"{self.url}/loom/jobs/events?jobs={job}") as stream:
            for line in stream:
                if line.startswith(b"data: ") and isinstance(told := json.loads(line[6:]), dict):
                    state = told
                    if state.get("state") in ("done", "failed", "stopped", "gone"):
                        return state
        return state


@contextmanager
def running(port: int) -> Iterator[tuple[Page, float]]:
    """A studio by `make run` with an empty data folder: its page, and seconds until it answered."""
    with tempfile.TemporaryDirectory() as data:
        began = time.perf_counter()
        process = subprocess.Popen(
            ["make", "run", f"ARGS=--port {port} --data {data}"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield answered(f"http://127.0.0.1:{port}", began)
        finally:
            process.terminate()
            process.wait(30)


def answered(url: str, began: float) -> tuple[Page, float]:
    """The page, and the seconds until it answered whole.

    Raises:
        TimeoutError: It did not within the limit.
    """
    while time.perf_counter() - began < LIMIT_S:
        with contextlib.suppress(OSError):
            text = _got(url).decode()
            took = time.perf_counter() - began
            start = text.index(_CONFIG) + len(_CONFIG)
            return Page(url, json.JSONDecoder().raw_decode(text, start)[0]), took
        time.sleep(0.02)
    raise TimeoutError(f"The page did not answer within {LIMIT_S:.0f} s.")


def imports_s() -> float:
    """Seconds until a fresh Python has imported the libraries; its end does not count."""
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", IMPORTS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"there":
            raise RuntimeError("The libraries could not be imported.")
        return time.perf_counter() - began


def measured(port: int = PORT) -> Start:
    """One run of each."""
    imports = imports_s()
    with running(port) as (page, answer_s):
        first = page.picture_s(PROMPT, "first")
        later = page.picture_s(f"{PROMPT}, night", "later")
    return Start(imports, answer_s, first, later)


def _got(url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    asked = urllib.request.Request(url, body, headers or {})
    with urllib.request.urlopen(asked, timeout=LIMIT_S) as answer:
        return answer.read()


def lines(starts: Sequence[Start]) -> str:
    """The medians, and the median of the ratios of each run, in words."""
    imports, answer, picture, later = (
        statistics.median(getattr(one, name) for one in starts)
        for name in ("imports_s", "answer_s", "picture_s", "later_s")
    )
    to_answer = statistics.median(one.answer_s / one.imports_s for one in starts)
    to_picture = statistics.median(one.picture_s / one.imports_s for one in starts)
    return (
        f"Importing torch, Gradio, transformers and diffusers: {imports:.2f} s. `make run` (a "
        f"second start) to the page's answer: {answer:.2f} s, {to_answer:.2f}x of it, bar "
        f"{BAR_ANSWER:.2f}x. First picture: {picture:.2f} s after the answer, {to_picture:.2f}x, "
        f"bar {BAR_PICTURE:.2f}x; a later one {later:.2f} s.\n"
    )


def main() -> None:
    """Prints each run and the medians."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=main.__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn (default 3)")
    parser.add_argument("--port", type=int, default=PORT)
    args = parser.parse_args()
    starts: list[Start] = []
    for _ in range(max(1, args.runs)):
        one = measured(args.port)
        starts.append(one)
        print(
            f"imports {one.imports_s:.2f} s, answer {one.answer_s:.2f} s, "
            f"first picture {one.picture_s:.2f} s, a later one {one.later_s:.2f} s",
            flush=True,
        )
    print(lines(starts))


if __name__ == "__main__":
    main()

"""How still clips hold: frames that look at nothing, at the first, at the previous, at both.

Run as `python -m bench.clip`; writes docs/benchmarks/clip.md. Drawn clips of the toy world by
Pocket with its Canny ControlNet: flicker (what changes from frame to frame beyond the source's
motion, of 1), the same where nothing moves, how many of the source's edges are kept (F1), seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from backend.contracts.clip import Clip, as_pictures
from backend.contracts.requests import Request
from backend.contracts.settings import ClipSettings
from backend.contracts.settings.kinds import Attend, FrameNoise
from backend.control import obedience
from backend.control.canny import Canny
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.pictures.clips import read_clip
from backend.storage.outputs import Storage
from bench.jobs import done
from bench.table import machine, markdown

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = {
    "house-slides": "a house in the snow",
    "balloon-rises": "a red balloon at sunset",
    "boat-rocks": "a yellow boat at sunset",
}


class Found(NamedTuple):
    """Of one run."""

    whole: float
    still: float
    edges: float
    seconds: float


def measured(engine: LocalEngine, clip: Clip, settings: ClipSettings) -> Found:
    """Draws the clip and judges it."""
    begun = time.monotonic()
    status = done(engine, ask(engine, Request(settings, as_pictures(clip), save=False)))
    seconds = time.monotonic() - begun
    canny = Canny(settings.canny_low, settings.canny_high)
    kept = [
        obedience.measure(canny(output.views["source"]), output.image, canny).f1
        for output in status.outputs
    ]
    told = status.info["flicker"]
    return Found(told["whole"], told["still"], float(np.mean(kept)), seconds)


def rows(engine: LocalEngine, name: str, steps: int) -> list[tuple[str, ...]]:
    """A clip under each kind of noise and attention, beside the frames that look at nothing."""
    clip = read_clip((ROOT / "bench" / "data" / "clips" / f"{name}.mp4").read_bytes())
    made: list[tuple[str, ...]] = []
    for noise in get_args(FrameNoise):
        plain: Found | None = None
        for attend in get_args(Attend):
            settings = ClipSettings.model_validate(
                {
                    "prompt": PROMPTS[name],
                    "model": "pocket",
                    "steps": steps,
                    "seed": 3,
                    "guidance_scale": 7.5,
                    "attend": attend,
                    "frame_noise": noise,
                }
            )
            found = measured(engine, clip, settings)
            plain = plain or found
            made.append(
                (
                    name,
                    noise,
                    attend,
                    f"{100 * found.whole:.2f} %",
                    f"{100 * found.still:.2f} %",
                    f"{found.still / plain.still:.2f}",
                    f"{found.edges:.3f}",
                    f"{found.seconds:.1f}",
                )
            )
            print(*made[-1], sep=" | ", flush=True)
    return made


def main() -> None:
    """Prints the table and writes it."""
    parser = argparse.ArgumentParser(description="Flicker of clips, by what frames look at.")
    parser.add_argument("--clips", nargs="+", choices=PROMPTS, default=list(PROMPTS))
    parser.add_argument("--steps", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)
        found = [row for name in args.clips for row in rows(engine, name, args.steps)]
        engine.close()
    head = ("clip", "noise", "frames look at", "flicker", "where nothing moves",
            "of off", "edges kept (F1)", "s")  # fmt: skip
    title = (
        f"Pocket 256x256 with its Canny ControlNet at 0.5, strength 0.5 of {args.steps} steps, "
        "guidance 7.5, seed 3"
    )
    text = f"# Clips\n\n{machine()}\n\n{markdown(title, head, found)}\n"
    (ROOT / "docs" / "benchmarks" / "clip.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

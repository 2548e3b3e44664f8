"""How still clips hold, how fast they are drawn, and what memory long ones take.

Run as `python -m bench.clip [flicker|pace|memory]`; writes docs/benchmarks/clip-<part>.md.

- flicker: drawn clips of the toy world by Pocket with its Canny ControlNet, with frames that look
  at nothing, at the first, at the previous, at both, at the last few: what changes from frame to
  frame beyond the source's motion, the same where nothing moves, how many of the source's edges are
  kept (F1).
- pace: sixteen frames that look at the first and the previous, against diffusers' pipeline frame by
  frame, which looks at nothing; alternating in one process.
- memory: the peak of a process that draws a long clip of the same frames.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import torch

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
FRAMES, STEPS, PX = 16, 20, 256


class Found(NamedTuple):
    """Of one run."""

    whole: float
    still: float
    edges: float
    seconds: float


def clip_of(name: str) -> Clip:
    """One of the drawn clips, its first frames."""
    clip = read_clip((ROOT / "bench" / "data" / "clips" / f"{name}.mp4").read_bytes())
    return Clip(clip.frames[:FRAMES], clip.fps)


def settings_of(name: str, **values: Any) -> ClipSettings:
    """The published settings, but for `values`."""
    common: dict[str, Any] = {
        "prompt": PROMPTS[name],
        "model": "pocket",
        "steps": STEPS,
        "seed": 3,
        "guidance_scale": 7.5,
        "width": PX,
        "height": PX,
    }
    return ClipSettings.model_validate(common | values)


@contextmanager
def studio() -> Iterator[LocalEngine]:
    """An engine over the models that lie in the repository."""
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create(
            [ROOT / "models"], Storage(Path(data)), warm_up=None, preview="off"
        )
        try:
            yield engine
        finally:
            engine.close()


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


def rows(
    engine: LocalEngine, name: str, noise: FrameNoise, strength: float, attends: list[Attend]
) -> Iterator[tuple[str, ...]]:
    """A clip under each kind of attention, beside the frames that look at nothing."""
    clip = clip_of(name)
    plain: Found | None = None
    for attend in attends:
        settings = settings_of(name, attend=attend, frame_noise=noise, strength=strength)
        found = measured(engine, clip, settings)
        plain = plain or found
        yield (
            name,
            f"{strength:g}",
            noise,
            attend,
            f"{100 * found.whole:.2f} %",
            f"{100 * found.still:.2f} %",
            f"{found.still / plain.still:.2f}",
            f"{found.edges:.3f}",
        )


def flicker(
    clips: list[str], strengths: list[float], noises: list[FrameNoise], attends: list[Attend]
) -> str:
    """The table of all of them."""
    made: list[tuple[str, ...]] = []
    with studio() as engine:
        for name in clips:
            for strength in strengths:
                for noise in noises:
                    for row in rows(engine, name, noise, strength, attends):
                        made.append(row)
                        print(*row, sep=" | ", flush=True)
    head = ("clip", "strength", "noise", "frames look at", "flicker", "where nothing moves",
            "of off", "edges kept (F1)")  # fmt: skip
    title = f"Pocket {PX}x{PX}, its Canny ControlNet at 0.5, {STEPS} steps, guidance 7.5, seed 3"
    return markdown(title, head, made)


def by_diffusers(name: str, dtype: torch.dtype) -> Callable[..., None]:
    """Draws a clip frame by frame, by the pipeline for that; of so many frames."""
    from diffusers import ControlNetModel, DDIMScheduler, StableDiffusionControlNetImg2ImgPipeline
    from PIL import Image

    net = ControlNetModel.from_pretrained(
        ROOT / "models" / "controlnet" / "pocket-canny", torch_dtype=dtype
    )
    pipe: Any = StableDiffusionControlNetImg2ImgPipeline.from_pretrained(
        ROOT / "models" / "checkpoints" / "pocket", controlnet=net, safety_checker=None,
        requires_safety_checker=False, torch_dtype=dtype,
    )  # fmt: skip
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    canny, frames = Canny(100, 200), clip_of(name).frames

    def draw(count: int = FRAMES) -> None:
        for frame in frames[:count]:
            pipe(
                PROMPTS[name],
                image=Image.fromarray(frame),
                control_image=Image.fromarray(canny(frame)),
                strength=0.5,
                num_inference_steps=STEPS,
                guidance_scale=7.5,
                controlnet_conditioning_scale=0.5,
                height=PX,
                width=PX,
            )

    return draw


class Spent(NamedTuple):
    """Of one run, s: by the clock, and of the processor in this process, whatever else runs."""

    clock: float
    processor: float


def spent(side: Callable[[], object]) -> Spent:
    """Runs a side once."""
    clock, processor = time.perf_counter(), time.process_time()
    side()
    return Spent(time.perf_counter() - clock, time.process_time() - processor)


def pace(runs: int, theirs_frames: int) -> str:
    """Both sides in one process, in turns; theirs, which goes frame by frame, of some frames."""
    name = "house-slides"
    clip, settings = clip_of(name), settings_of(name, sampler="ddim", schedule="model")
    turns = itertools.count()
    made: list[tuple[str, ...]] = []
    with studio() as engine:
        dtype = engine.library().dtype  # the product's own choice for this machine, on both sides
        theirs = by_diffusers(name, getattr(torch, dtype))

        def ours(frames: int = FRAMES) -> None:
            # Moved aside a little each time: what is kept of the last run's frames serves none.
            moved = tuple(np.roll(frame, next(turns), axis=1) for frame in clip.frames[:frames])
            done(engine, ask(engine, Request(settings, as_pictures(Clip(moved, 12)), save=False)))

        ours(1)
        theirs(1)
        for run in range(runs):
            here, part = spent(ours), spent(partial(theirs, theirs_frames))
            there = Spent(*(each * FRAMES / theirs_frames for each in part))
            row = [str(run + 1)]
            for a, b in zip(here, there, strict=True):
                row += [f"{a:.1f}", f"{b:.1f}", f"{a / b:.2f}x"]
            made.append(tuple(row))
            print(*row, sep=" | ", flush=True)
    head = ("run", "together, first + previous, s", "diffusers, frame by frame, s", "ratio",
            "of the processor, s", "diffusers'", "ratio")  # fmt: skip
    title = (
        f"Pocket {PX}x{PX} with its ControlNet, DDIM, {FRAMES} frames, {STEPS} steps at strength "
        f"0.5, guidance 7.5, {dtype}, from source frames to decoded "
        f"ones; diffusers' time is that of {theirs_frames} frames, as for {FRAMES}"
    )
    return markdown(title, head, made)


def drawn_long(frames: int) -> None:
    """Draws so many frames in one step each, and prints the process's peak, in MiB."""
    clip = clip_of("house-slides")
    long = Clip(tuple(clip.frames[i % len(clip.frames)] for i in range(frames)), clip.fps)
    settings = settings_of("house-slides", steps=2, guidance_scale=1.0)
    with studio() as engine:
        done(engine, ask(engine, Request(settings, as_pictures(long), save=False)))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def memory(counts: list[int]) -> str:
    """A process for each length."""
    made: list[tuple[str, ...]] = []
    for count in counts:
        command = [sys.executable, "-m", "bench.clip", "long", "--frames", str(count)]
        peak = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        made.append((str(count), peak.stdout.split()[-1]))
        print(*made[-1], sep=" | ", flush=True)
    return markdown(f"Pocket {PX}x{PX}, one step", ("frames", "peak of the process, MiB"), made)


def main() -> None:
    """Prints a table and writes it."""
    parser = argparse.ArgumentParser(description="Clips: flicker, pace and memory.")
    add = parser.add_argument
    add("part", choices=("flicker", "pace", "memory", "long"), nargs="?", default="flicker")
    add("--clips", nargs="+", choices=PROMPTS, default=list(PROMPTS))
    add("--strengths", nargs="+", type=float, default=[0.5, 0.8])
    add("--noises", nargs="+", choices=get_args(FrameNoise), default=list(get_args(FrameNoise)))
    add("--attends", nargs="+", choices=get_args(Attend), default=list(get_args(Attend)))
    add("--theirs-frames", type=int, default=FRAMES, help="of pace")
    add("--runs", type=int, default=3)
    add("--frames", type=int, nargs="+", default=[32, 300])
    args = parser.parse_args()
    match args.part:
        case "long":
            drawn_long(args.frames[0])
            return
        case "pace":
            table = pace(args.runs, args.theirs_frames)
        case "memory":
            table = memory(args.frames)
        case _:
            table = flicker(args.clips, args.strengths, args.noises, args.attends)
    text = f"# Clips: {args.part}\n\n{machine()}\n\n{table}\n"
    out = ROOT / "docs" / "benchmarks" / f"clip-{args.part}.md"
    out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

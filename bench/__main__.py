"""txt2img on Pocket against diffusers: the bars of the foundation.

Run with `make bench`; prints both sides and their ratio, and writes docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from bench.jobs import ended
from bench.start import lines, measured
from bench.table import Pair, alternate, machine, markdown

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "a red house on grass"


def pipeline(dtype: torch.dtype) -> StableDiffusionPipeline:
    """Diffusers as it comes, with the scheduler of our default sampler."""
    folder = ROOT / "models" / "checkpoints" / "pocket"
    pipe = StableDiffusionPipeline.from_pretrained(folder, dtype=dtype)
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(
        pipe.scheduler.config, use_karras_sigmas=True
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def theirs(pipe: StableDiffusionPipeline, settings: Txt2ImgSettings, **extra: Any) -> np.ndarray:
    """One picture by the pipeline, (H, W, 3) uint8."""
    generator = torch.Generator("cpu").manual_seed(settings.seed)
    image = pipe(
        settings.prompt,
        num_inference_steps=settings.steps,
        generator=generator,
        guidance_scale=settings.guidance_scale,
        width=settings.width,
        height=settings.height,
        **extra,
    ).images[0]
    return np.asarray(image)


def ours(engine: LocalEngine, settings: Txt2ImgSettings, *, client: bool) -> np.ndarray:
    """One picture by the engine; `client` pulls previews at 10 frames/s meanwhile."""
    token = ask(engine, Request(settings, save=False))
    stop = threading.Event()
    puller = threading.Thread(target=lambda: asyncio.run(pull(engine, token, stop)))
    if client:
        puller.start()
    status = ended(engine, token)
    stop.set()
    if client:
        puller.join()
    if status.state != "done":
        raise RuntimeError(status.error)
    return status.outputs[0].image


async def pull(engine: LocalEngine, token: str, stop: threading.Event) -> int:
    """Pulls previews at 10 frames/s; returns how many came."""
    revision = count = 0
    while not stop.is_set():
        frame = await engine.next_preview(token, revision, 0.2)
        if frame is not None:
            revision, count = frame.revision, count + 1
            await asyncio.sleep(0.1)
    return count


def full_preview(pipe: StableDiffusionPipeline) -> Callable[..., dict[str, Any]]:
    """A callback that decodes each step with the VAE, as users of pipelines do."""

    def callback(pipe: Any, step: int, timestep: int, values: dict[str, Any]) -> dict[str, Any]:
        with torch.no_grad():
            image = pipe.vae.decode(values["latents"] / pipe.vae.config.scaling_factor).sample
        pipe.image_processor.postprocess(image)
        return values

    return callback


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 pictures, dB."""
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


def stop_latency_s(engine: LocalEngine, settings: Txt2ImgSettings, tries: int = 9) -> list[float]:
    """Seconds from cancel to the job's end, at moments spread over a step."""
    long = settings.model_copy(update={"steps": 150})
    waits = []
    for index in range(tries):
        token = ask(engine, Request(long, save=False))
        status = engine.status(token)
        while status.progress.step < 3:
            status = engine.wait(token, status.revision, 1.0)
        time.sleep(0.013 * index)
        started = time.perf_counter()
        engine.cancel(token)
        while status.state == "running":
            status = engine.wait(token, status.revision, 1.0)
        waits.append(time.perf_counter() - started)
    return waits


def row(name: str, pair: Pair, bar: str, note: str = "") -> list[str]:
    return [
        name,
        f"{statistics.median(pair.ours_s):.2f}",
        f"{statistics.median(pair.theirs_s):.2f}",
        f"{pair.ratio:.2f}",
        bar,
        note,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    args = parser.parse_args()
    settings = Txt2ImgSettings(prompt=PROMPT, seed=7, guidance_scale=4.0, width=256, height=256)
    began = lines([measured() for _ in range(3)])
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as data:
        models = [ROOT / "models"]
        best = LocalEngine.create(models, Storage(Path(data)), warm_up=None)
        dtype = getattr(torch, best.library().dtype)
        same, float32 = pipeline(dtype), pipeline(torch.float32)
        exact = LocalEngine.create(models, Storage(Path(data)), dtype="float32", warm_up=None)
        quiet = LocalEngine.create(models, Storage(Path(data)), preview="off", warm_up=None)
        reference = theirs(float32, settings)
        equal = int(np.abs(ours(exact, settings, client=False).astype(int) - reference).max())
        between = psnr(ours(best, settings, client=False), reference)

        def with_client() -> object:
            return ours(best, settings, client=True)

        rows.append(
            row(
                f"previews each step, one client, against the pipeline without ({dtype})",
                alternate(with_client, lambda: theirs(same, settings), args.runs),
                "1.00",
                f"float32 outputs differ by at most {equal}/255",
            )
        )
        if dtype is not torch.float32:
            rows.append(
                row(
                    "the same in float32",
                    alternate(
                        lambda: ours(exact, settings, client=True),
                        lambda: theirs(float32, settings),
                        args.runs,
                    ),
                    "1.00",
                )
            )
        rows.append(
            row(
                "against the pipeline with a full VAE preview each step",
                alternate(
                    with_client,
                    lambda: theirs(same, settings, callback_on_step_end=full_preview(same)),
                    args.runs,
                ),
                "0.60",
            )
        )
        rows.append(
            row(
                "default settings against diffusers' default (float32)",
                alternate(with_client, lambda: theirs(float32, settings), args.runs),
                "0.40 (AMX)",
                f"PSNR between dtypes {between:.1f} dB",
            )
        )
        rows.append(
            row(
                "previews against none, the same client",
                alternate(with_client, lambda: ours(quiet, settings, client=True), args.runs),
                "1.02",
            )
        )
        call_s = statistics.median(alternate(with_client, with_client, 3).ours_s) / settings.steps
        waits = stop_latency_s(best, settings)
        for engine in (best, exact, quiet):
            engine.close()
    text = markdown(
        f"txt2img, Pocket 256x256, {settings.steps} steps, guidance {settings.guidance_scale}",
        ["what", "ours, s", "theirs, s", "ratio", "bar", "note"],
        rows,
    )
    text += (
        f"\nStop: idle after {statistics.median(waits):.3f} s (largest of {len(waits)}: "
        f"{max(waits):.3f} s); one step takes {call_s:.3f} s, bar: one step + 0.2 s.\n"
    )
    text += "\n" + began
    text = f"# Benchmarks\n\nMachine: {machine()}. Medians of {args.runs} runs, in turn.\n\n" + text
    print(text)
    args.out.write_text(text)


if __name__ == "__main__":
    main()

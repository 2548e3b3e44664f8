"""How much faster foretold steps are, and how far their pictures are from the full run's.

Run as `python -m bench.forecast`; prints the table and writes docs/benchmarks/forecast.md. All ways
draw the same prompts and seeds in turn with the bundled model; seconds are of processor.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.sampling.config import SchedulerConfig
from backend.sampling.forecast import Forecast, skipped
from backend.sampling.schedule import make
from backend.storage.outputs import Storage
from bench.__main__ import ROOT, psnr
from bench.jobs import done
from bench.table import machine, markdown, worked

STEPS = 20
PROMPTS = (
    "a red house on grass",
    "a blue boat on the sea",
    "a green tree on a hill",
    "a yellow star at night",
    "a red car on a street",
    "a purple balloon in the sky",
    "two fish in water",
    "a white moon over mountains",
    "a brown dog",
    "an orange cup on a table",
    "a pink flower in a field",
    "a black cat",
)
WAYS: dict[str, dict[str, Any]] = {
    "in full": {},
    "by a curve, 0.4": {"forecast": "fit"},
    "as the last one, 0.4": {"forecast": "reuse"},
    "by a curve, 0.5": {"forecast": "fit", "forecast_share": 0.5},
    "12 steps in full": {"steps": 12},
}


def compared(draw: Callable[..., Pixels], prompts: int) -> dict[str, tuple[float, list[float]]]:
    """Median seconds of each way, and its PSNR for each prompt, dB."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    apart: dict[str, list[float]] = {way: [] for way in WAYS}
    draw(prompt=PROMPTS[0], steps=2)  # loads the model
    for seed, prompt in enumerate(PROMPTS[:prompts]):
        made: dict[str, Pixels] = {}

        for way, values in WAYS.items():
            once = partial(_put, made, way, draw, prompt=prompt, seed=seed, **values)
            seconds[way].append(worked(once))
            apart[way].append(psnr(made["in full"], made[way]))
        print(seed + 1, *(f"{way} {apart[way][-1]:.1f} dB" for way in WAYS), sep=" | ", flush=True)
    return {way: (statistics.median(seconds[way]), apart[way]) for way in WAYS}


def _put(made: dict[str, Pixels], way: str, draw: Callable[..., Pixels], **values: Any) -> None:
    made[way] = draw(**values)


def own_cost_s(times: int = 200) -> float:
    """Seconds that foretelling one step takes, at the latents of Pocket (16 x 16 x 16)."""
    schedule = make("dpmpp_2m", "karras", STEPS, SchedulerConfig.from_dict({}))
    skip = skipped(schedule, 0.4)
    past = {step: torch.randn(1, 16, 16, 16) for step in range(8)}
    foretold = Forecast(lambda x, level: x, schedule, skip, past)
    x, level = schedule.asked(torch.randn(1, 16, 16, 16), min(skip))

    def all_of_them() -> None:
        for _ in range(times):
            foretold(x, level)

    all_of_them()
    return worked(all_of_them) / times


def main() -> None:
    """Prints the table, and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "forecast.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)

        def draw(**values: Any) -> Pixels:
            wanted = parse("txt2img", {"steps": STEPS} | values)
            return done(engine, ask(engine, Request(wanted, save=False))).outputs[0].image

        found = compared(draw, args.prompts)
        engine.close()
    full_s = found["in full"][0]
    rows = [
        (way, f"{full_s / seconds:.2f}x", f"{statistics.mean(apart):.1f}", f"{min(apart):.1f}")
        for way, (seconds, apart) in found.items()
        if way != "in full"
    ]
    title = f"Pocket 256x256, {STEPS} steps, {args.prompts} prompts"
    cost = f"Foretelling a step takes {100 * own_cost_s() * STEPS / full_s:.2f} % of a model call."
    table = markdown(title, ("steps foretold", "faster", "PSNR, dB", "the least"), rows)
    text = f"# Foretold steps\n\n{machine()}\n\n{table}\n{cost}\n"
    print(text)
    args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

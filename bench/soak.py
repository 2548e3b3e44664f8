"""Many mixed jobs over more models than the cache holds: no error, bounded memory, equal results.

    python -m bench.soak --jobs 200

Four small checkpoints with random weights, the same text encoder in two of them, a ControlNet, and
a budget that holds two checkpoints. Weights have two places, as on a GPU: "device" copies are
clones in RAM. Every job is one of a fixed set; each must give the picture of its first run, bit
for bit.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch

from backend.contracts.events import JobStatus
from backend.contracts.requests import Request
from backend.contracts.settings import (
    Img2ImgSettings,
    MorphSettings,
    Settings,
    StyleTransferSettings,
    Txt2ImgSettings,
)
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.control import controlnet
from backend.models.control.controlnet import ControlNet
from backend.models.manager import ModelManager
from backend.models.memory.device_space import DeviceTier
from backend.models.memory.devices import pick
from bench.jobs import ended
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet

MODELS = ("one", "two", "three", "four")
PROMPTS = ("a red house", "a small yellow boat")
SIDE_PX = 64
MIB = 2**20


@dataclass
class Report:
    """What a soak found.

    Attributes:
        jobs: Jobs that were run.
        kinds: Different jobs among them.
        loads: Models loaded from disk.
        transfers: Tensors copied to the device.
        ram_peak: Bytes of weights in RAM after a job, at most.
        device_peak: Bytes of weights on the device after a job, at most.
        grown: Bytes by which the process grew from a quarter of the jobs to the end.
        problems: One sentence each; empty when all is well.
    """

    jobs: int = 0
    kinds: int = 0
    loads: int = 0
    transfers: int = 0
    ram_peak: int = 0
    device_peak: int = 0
    grown: int = 0
    problems: list[str] = field(default_factory=list[str])


def make_models(root: Path) -> Path:
    """Four checkpoints and a ControlNet that fits them; the first two share their text encoder."""
    for seed, name in enumerate(MODELS):
        tiny_checkpoint(root / "checkpoints" / name, seed=seed)
    shared, replaced = (root / "checkpoints" / name / "text_encoder" for name in MODELS[:2])
    shutil.rmtree(replaced)
    shutil.copytree(shared, replaced)
    tiny_controlnet(root / "checkpoints" / MODELS[0], root / "controlnet" / "tiny-canny")
    return root


def possible_jobs() -> list[Request]:
    """The fixed set: every kind of job on every model, at the smallest size."""
    picture = house(SIDE_PX, SIDE_PX)
    jobs: list[Request] = []
    for number, model in enumerate(MODELS):
        common: dict[str, Any] = {
            "model": model,
            "width": SIDE_PX,
            "height": SIDE_PX,
            "steps": 2,
            "seed": number,
        }
        for prompt in PROMPTS:
            settings: Settings = Txt2ImgSettings(prompt=prompt, batch_size=2, **common)
            jobs.append(Request(settings))
        settings = Img2ImgSettings(prompt=PROMPTS[0], strength=0.6, **common)
        jobs.append(Request(settings, {"image": picture}))
        settings = StyleTransferSettings(prompt=PROMPTS[1], **common)
        jobs.append(Request(settings, {"image": picture}))
        jobs.append(
            Request(
                MorphSettings(
                    prompt_a=PROMPTS[0],
                    prompt_b=PROMPTS[1],
                    frames=3,
                    method="walk",
                    even="off",
                    **common,
                )
            )
        )
    return jobs


def soak(jobs: int, root: Path, say: Callable[[str], None] = print, seed: int = 0) -> Report:
    """Runs `jobs` jobs drawn with `seed`; models are made under `root`.

    Returns:
        What it found; nothing is raised for a job that failed.
    """
    target, catalog, report = (
        pick("cpu", "float32"),
        Catalog([make_models(root)], FAMILIES),
        Report(),
    )

    def load(name: str) -> Checkpoint | ControlNet:
        report.loads += 1
        if name.startswith(controlnet.KEY):
            found = catalog.find("controlnet", name.removeprefix(controlnet.KEY))
            return controlnet.load_controlnet(found, target)
        return FAMILIES.load(catalog.checkpoint(name), target)

    def copy(tensor: torch.Tensor) -> torch.Tensor:
        report.transfers += 1
        return tensor.clone(memory_format=torch.preserve_format)

    size = FAMILIES.load(catalog.checkpoint(MODELS[0]), target).nbytes
    budget = int(2.6 * size)  # two, and the ControlNet
    tier = DeviceTier(int(1.6 * size), copy, target.device)
    manager: ModelManager[Any] = ModelManager(load, budget, device=tier)
    engine = LocalEngine(catalog, manager, target, None, preview="fast")
    draw, process = random.Random(seed), psutil.Process()
    first: dict[int, str] = {}
    kinds, settled = possible_jobs(), 0
    try:
        for number in range(jobs):
            which = draw.randrange(len(kinds))
            status = ended(engine, ask(engine, kinds[which]))
            report.jobs += 1
            if status.state != "done":
                report.problems.append(f"job {number} ({which}) {status.state}: {status.error}")
                continue
            made = digest(status)
            if first.setdefault(which, made) != made:
                report.problems.append(f"job {number} ({which}) differs from its first run")
            memory = engine.memory()
            report.ram_peak = max(report.ram_peak, memory.ram_bytes)
            report.device_peak = max(report.device_peak, memory.used_bytes)
            if memory.ram_bytes > budget or memory.used_bytes > memory.budget_bytes:
                report.problems.append(f"job {number} left more in memory than the budget")
            if number == jobs // 4:
                settled = process.memory_info().rss
            if (number + 1) % 50 == 0:
                say(f"{number + 1} jobs, {process.memory_info().rss // MIB} MiB")
    finally:
        engine.close()
    report.kinds, report.grown = len(first), process.memory_info().rss - settled
    return report


def digest(status: JobStatus) -> str:
    """SHA-256 over all pictures of a job."""
    found = hashlib.sha256()
    for output in status.outputs:
        found.update(output.image.tobytes())
    return found.hexdigest()


def main() -> None:
    """Prints what a soak found; exits with 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    jobs: int = parser.parse_args().jobs
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = soak(jobs, Path(folder))
    print(
        f"{report.jobs} jobs of {report.kinds} kinds in {time.perf_counter() - started:.0f} s: "
        f"{report.loads} loads, {report.transfers} tensors copied, at most "
        f"{report.ram_peak / MIB:.2f} MiB of weights in RAM and {report.device_peak / MIB:.2f} MiB "
        f"on the device, process grown by {report.grown / MIB:.1f} MiB"
    )
    for problem in report.problems:
        print(problem)
    raise SystemExit(bool(report.problems))


if __name__ == "__main__":
    main()

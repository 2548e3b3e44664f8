"""Timing in pairs and printing tables: both sides in one run, alternating, medians and ratios."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Pair:
    """Seconds of two sides, run in turn."""

    ours_s: tuple[float, ...]
    theirs_s: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median of ours over median of theirs."""
        return statistics.median(self.ours_s) / statistics.median(self.theirs_s)


def alternate(
    ours: Callable[[], object], theirs: Callable[[], object], runs: int = 7, warm_up: int = 1
) -> Pair:
    """Runs A B A B ..., the first `warm_up` pairs not counted."""
    a: list[float] = []
    b: list[float] = []
    for index in range(warm_up + runs):
        for side, seconds in ((ours, a), (theirs, b)):
            elapsed = timed(side)
            if index >= warm_up:
                seconds.append(elapsed)
    return Pair(tuple(a), tuple(b))


def timed(side: Callable[[], object]) -> float:
    """Seconds of one call."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    side()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def worked(side: Callable[[], object]) -> float:
    """Seconds of processor of one call, in all threads of this process: what else runs on the
    machine does not count."""
    started = time.process_time()
    side()
    return time.process_time() - started


def machine() -> str:
    """One line that names the machine."""
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read().splitlines()
    except OSError:
        return f"{name}, torch {torch.__version__}"
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    model = names[0] if names else name
    flags = next((line for line in lines if line.startswith("flags")), "")
    has = [flag for flag in ("avx2", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{model}, {torch.get_num_threads()} threads, {'/'.join(has)}, torch {torch.__version__}"


def markdown(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table under a heading."""
    lines = [f"## {title}", "", "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"

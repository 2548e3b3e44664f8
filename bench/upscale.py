"""A picture enlarged four times by a one-pass upscaler in tiles: how long, and in how much memory.

Run as `python -m bench.upscale`; it prints the table of docs/benchmarks/upscale.md. The upscaler is
a Compact of 0.4 million parameters with random weights: time and memory do not depend on them.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from backend.models.upscaler.upscaler import load_upscaler
from backend.modes.one_pass import STANDARD_TILE_PX
from backend.pictures.tiles import count, in_tiles
from bench.table import machine, markdown

MIB = 2**20
SIDES_PX = (256, 1024)


@dataclass
class Peak:
    """The most memory that the process held while it was watched."""

    before_bytes: int
    most_bytes: int = 0
    _ends: threading.Event = field(default_factory=threading.Event)

    @property
    def grown_bytes(self) -> int:
        """Above what it held before."""
        return self.most_bytes - self.before_bytes

    def watch(self) -> None:
        """Looks until it is told to end."""
        while not self._ends.wait(0.01):
            self.most_bytes = max(self.most_bytes, resident_bytes())

    def end(self) -> None:
        """Ends the watch."""
        self._ends.set()


def resident_bytes() -> int:
    """What the process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@contextmanager
def watched() -> Iterator[Peak]:
    """The memory of the process while the block runs."""
    peak = Peak(resident_bytes())
    watcher = threading.Thread(target=peak.watch)
    watcher.start()
    try:
        yield peak
    finally:
        peak.end()
        watcher.join()


def upscaler_folder(root: Path) -> int:
    """Writes the upscaler's file below `root`; returns its number of parameters."""
    from spandrel.architectures.Compact import Compact  # slow to import

    torch.manual_seed(0)
    network = Compact(num_feat=48, num_conv=16, upscale=4)
    path = root / "upscalers" / "small.safetensors"
    path.parent.mkdir(parents=True)
    save_file({name: t.contiguous().clone() for name, t in network.state_dict().items()}, path)
    return sum(parameter.numel() for parameter in network.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each size; the quickest counts")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    target = pick("cpu", "float32")
    with tempfile.TemporaryDirectory() as folder:
        parameters = upscaler_folder(Path(folder))
        info = Catalog([Path(folder)], FAMILIES).find("upscaler", "small")
        upscaler = load_upscaler(info, target, target.device)
        rows: list[list[str]] = []
        for side in SIDES_PX:
            picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
            seconds: list[float] = []
            grown: list[int] = []
            for _ in range(args.runs if side == SIDES_PX[0] else 1):
                with watched() as peak:
                    began = time.perf_counter()
                    in_tiles(picture, upscaler.scale, upscaler, STANDARD_TILE_PX)
                    seconds.append(time.perf_counter() - began)
                grown.append(peak.grown_bytes)
            rows.append(
                [
                    f"{side} → {4 * side}",
                    str(count(side, side, STANDARD_TILE_PX)),
                    f"{min(seconds):.2f} s",
                    f"{max(grown) / MIB:,.0f} MiB",
                ]
            )
    header = ("px", f"tiles of {STANDARD_TILE_PX} px", "time", "memory above the start")
    print(f"{machine()}; {parameters / 1e6:.2f} million parameters, float32\n")
    print(markdown("One-pass upscaler", header, rows))


if __name__ == "__main__":
    main()

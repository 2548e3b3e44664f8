"""An X/Y/Z grid as one job against its cells as single jobs, with the same steps.

Run as `python -m bench.grid`. The grids share what cells have in common; both sides save every
picture, and the grid draws and saves its sheet as well.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from backend.contracts.requests import Request
from backend.contracts.settings import Settings, XyzGridSettings, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from bench.jobs import done
from bench.table import alternate, machine, markdown

ROOT = Path(__file__).resolve().parent.parent
GRIDS = {
    "seeds by guidance": ("seed", "1-4", "guidance_scale", "2-8 [4]", "0.95"),
    "prompts by guidance": (
        "prompt_sr",
        "red, blue, yellow, green",
        "guidance_scale",
        "2-8 [4]",
        "",
    ),
}


def finish(engine: LocalEngine, settings: Settings) -> None:
    """Runs one job to its end."""
    done(engine, ask(engine, Request(settings)))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--grid", choices=GRIDS, action="append", help="all of them by default")
    args = parser.parse_args()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)
        for name, (x, x_values, y, y_values, bar) in GRIDS.items():
            if args.grid and name not in args.grid:
                continue
            grid = parse(
                "xyz_grid",
                {
                    "prompt": "a red house on grass",
                    "steps": args.steps,
                    "seed": 7,
                    "model": args.model,
                    "x_field": x,
                    "x_values": x_values,
                    "y_field": y,
                    "y_values": y_values,
                },
            )
            assert isinstance(grid, XyzGridSettings)
            cells = grid.cells()
            ours, theirs = list[float](), list[float]()
            finish(engine, cells[0])  # loads the model

            def single(cells: list[Settings] = cells, spent: list[float] = theirs) -> None:
                began = time.process_time()
                for cell in cells:
                    finish(engine, cell)
                spent.append(time.process_time() - began)

            def whole(grid: Settings = grid, spent: list[float] = ours) -> None:
                began = time.process_time()
                finish(engine, grid)
                spent.append(time.process_time() - began)

            pair = alternate(whole, single, args.runs)
            # Processor time too: on a machine with other work the clock alone says little.
            used = statistics.median(ours) / statistics.median(theirs)
            rows.append(
                [
                    f"{name}, {len(cells)} cells",
                    f"{statistics.median(pair.ours_s):.2f}",
                    f"{statistics.median(pair.theirs_s):.2f}",
                    f"{pair.ratio:.3f}",
                    f"{used:.3f}",
                    bar,
                ]
            )
        dtype = engine.library().dtype
        engine.close()
    print(machine())
    print(
        markdown(
            f"X/Y/Z grid: {args.model}, {args.steps} steps a cell, {dtype}",
            ["grid", "one job, s", "single jobs, s", "ratio", "processor time", "bar"],
            rows,
        )
    )


if __name__ == "__main__":
    main()

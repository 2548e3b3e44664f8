"""`python -m tests.ghost` prints what each mode does on a GPU that is not there, as a table."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import tests.conftest  # noqa: F401, threads and no network
from tests.ghost.backend import standing
from tests.ghost.studio import Rig, farthest, library
from tests.ghost.work import WORK

HEAD = "mode", "memory", "pictures", "with", "from the CPU's, /255", "steps", "waits in them", "ms"


def main() -> None:
    """Prints a row for each job."""
    print("|", " | ".join(HEAD), "|")
    print("|", " | ".join("---" for _ in HEAD), "|")
    with (
        tempfile.TemporaryDirectory() as folder,
        standing() as machine,
        Rig.over(library(Path(folder) / "models"), machine) as rig,
    ):
        for work in WORK:
            expected = rig.cpu.draw(work.request)
            started = time.monotonic()
            drawn = rig.ghosts[work.memory].draw(work.request)
            row = (
                work.mode,
                work.memory,
                len(drawn.pictures),
                work.patch,
                farthest(drawn.pictures, expected.pictures),
                drawn.steps or "-",
                f"{len(drawn.in_steps)}{' (weights change)' if work.switches else ''}",
                round((time.monotonic() - started) * 1000),
            )
            print("|", " | ".join(map(str, row)), "|", flush=True)
        print("\nOrders kept by luck:", ", ".join(machine.problems) or "none")


if __name__ == "__main__":
    main()

"""A training that runs beside other work stands still while somebody measures.

Two busy threads make a small model's call ten times slower, so tests, benches and whoever measures
latency hold a training by a file in its work folder: `PAUSE`, made and removed by hand, or one
`PAUSE.<process>` each, which holds only as long as that process lives.

`python -m toyworld.pause COMMAND ...` runs a command so; `make test` and `make bench` do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "PAUSE"
FOLDER_VARIABLE = "LOOM_TRAINING"
DEFAULT_FOLDER = "runs/pocket"


def training_folder() -> Path:
    """The work folder of a training on this machine: $LOOM_TRAINING, or runs/pocket."""
    return Path(os.environ.get(FOLDER_VARIABLE, DEFAULT_FOLDER))


def _lives(process: str) -> bool:
    if not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def paused(folder: Path) -> bool:
    """Whether anybody holds the training of a work folder."""
    if (folder / NAME).exists():
        return True
    return any(_lives(path.name.partition(".")[2]) for path in folder.glob(NAME + ".*"))


def wait_while_paused(folder: Path, look_every_s: float = 0.5) -> None:
    """Return once nobody holds the training; at once, where nobody does."""
    while paused(folder):
        time.sleep(look_every_s)


@contextmanager
def hold(folder: Path | None = None) -> Iterator[None]:
    """Hold the training of a work folder, if there is one, until the block is left."""
    folder = training_folder() if folder is None else folder
    if not folder.is_dir():
        yield
        return
    path = folder / f"{NAME}.{os.getpid()}"
    path.touch()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def main(command: list[str]) -> int:
    """Run a command while a training of this machine, if there is one, stands still.

    Returns:
        The command's exit status.
    """
    if not command:
        print("Say what to run: python -m toyworld.pause COMMAND ...", file=sys.stderr)
        return 2
    with hold():
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

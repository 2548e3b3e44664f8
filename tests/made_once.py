"""Folders of tiny models are made once in a process, and copied after that.

Weights of one seed are the same, and to draw and write them takes a hundred times as long as to
copy a folder of a few hundred kilobytes.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec

P = ParamSpec("P")


@functools.cache
def _kept() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="latent-loom-made-once-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def made_once(
    make: Callable[Concatenate[Path, P], Path],
) -> Callable[Concatenate[Path | str, P], Path]:
    """A maker of a folder that copies what it has made before with the same arguments."""
    made: dict[str, Path] = {}

    @functools.wraps(make)
    def copied(path: Path | str, *args: P.args, **kwargs: P.kwargs) -> Path:
        asked = repr((args, sorted(kwargs.items())))
        if asked not in made:
            made[asked] = make(_kept() / f"{make.__name__}-{len(made)}", *args, **kwargs)
        # Without their times: the files are as new as if they had been made here.
        shutil.copytree(made[asked], path, copy_function=shutil.copyfile, dirs_exist_ok=True)
        return Path(path)

    return copied

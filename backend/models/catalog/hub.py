"""A hub's cache folder, as `huggingface_hub` lays it out: models--ORG--NAME/snapshots/COMMIT.

It is read, never written, and nothing is asked of the network; models whose files are not all there
are passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

PREFIX = "models--"


def hub_folder(environment: Mapping[str, str]) -> Path | None:
    """The cache that a person's environment names: HF_HUB_CACHE, or the one below HF_HOME."""
    own, home = environment.get("HF_HUB_CACHE"), environment.get("HF_HOME")
    if own:
        return Path(own)
    return Path(home) / "hub" if home else None


def is_hub(folder: Path) -> bool:
    """Whether a folder holds models as such a cache does."""
    return any(name.startswith(PREFIX) for name in _names(folder))


def snapshots(folder: Path) -> Iterator[tuple[str, Path]]:
    """ORG/NAME and the folder of its files, for each model of a cache.

    Of several commits the one that `refs/main` names is taken, else the newest.
    """
    for name in _names(folder):
        if not name.startswith(PREFIX):
            continue
        commits = folder / name / "snapshots"
        found = [commits / each for each in _names(commits) if (commits / each).is_dir()]
        if not found:
            continue
        main = commits / _main(folder / name)
        chosen = main if main in found else max(found, key=lambda path: path.stat().st_mtime_ns)
        yield name.removeprefix(PREFIX).replace("--", "/"), chosen


def _main(model: Path) -> str:
    try:
        commit = (model / "refs" / "main").read_text("ascii", errors="replace").strip()
    except OSError:
        return "-"
    return commit if commit.isalnum() else "-"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []

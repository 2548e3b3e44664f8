"""Where the studio's files lie: in its folder, or where `pip install` has put them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.models.catalog.hub import hub_folder

INSTALLED = "latent_loom_files"  # the folder beside app.py that a wheel brings


@dataclass(frozen=True)
class Places:
    """The folders of a studio.

    Attributes:
        presets: Bundled presets and styles.
        wildcards: Bundled wildcards.
        models: Bundled models.
        data: Where pictures and a person's own things go, unless a flag says otherwise.
        installed: Whether the studio was installed: its own models are then not for adding to.
    """

    presets: Path
    wildcards: Path
    models: Path
    data: Path
    installed: bool

    def model_folders(self, data: Path, more: list[Path] | None) -> list[Path]:
        """All folders with models, a hub's cache among them where the environment names one.

        What a training makes goes into the last.

        Args:
            data: The data folder that was chosen.
            more: Those that flags name.
        """
        own = [data / "models"] if self.installed else []
        for folder in own:
            folder.mkdir(parents=True, exist_ok=True)
        hub = hub_folder(os.environ)
        return [*([hub] if hub is not None else []), self.models, *own, *(more or [])]


def places(beside: Path) -> Places:
    """The folders of the studio whose `app.py` lies in the folder `beside`."""
    files = beside / INSTALLED
    installed = files.is_dir()
    root = files if installed else beside
    data = personal_folder(sys.platform, os.environ, Path.home()) if installed else beside / "data"
    return Places(root / "presets", root / "wildcards", root / "models", data, installed)


def personal_folder(platform: str, environment: Mapping[str, str], home: Path) -> Path:
    """Where that system keeps a program's data of one person.

    Args:
        platform: As `sys.platform`.
        environment: Of the process.
        home: The person's folder.
    """
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "Latent Loom"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "Latent Loom"
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "latent-loom"

"""What lasting jobs have made, in files: pictures, a file, and the steps of those that rest."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from backend.contracts.events import File, Output, Pixels, Record
from backend.engine.jobs.job import Job
from backend.storage.arrays import read_array, remove_folder, write_array, write_synced
from backend.storage.atomic_files import clear_leftovers
from backend.storage.job_rows import JobRow

log = logging.getLogger(__name__)

_FILE = "file.bin"
_STEPS = "steps.bin"


class Results:
    """A folder for each job. Safe from any thread, for different jobs.

    Args:
        folder: Made once there is something to keep.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, job: Job) -> tuple[dict[str, Any], list[Output]]:
        """Writes what a job made; what cannot be written stays in memory.

        Returns:
            What its row is to tell, and its pictures, mapped where they lie in files.
        """
        folder = self._folder / job.key
        told: list[dict[str, Any]] = []
        kept: list[Output] = []
        for output in job.outputs:
            try:
                image = _put_away(folder / f"{output.index}.npy", output.image)
                views = {
                    name: _put_away(folder / f"{output.index}-{number}.npy", view)
                    for number, (name, view) in enumerate(output.views.items())
                }
            except OSError as error:
                log.warning("a result is kept in memory alone: %s", error)
                kept.append(output)
                continue
            kept.append(replace(output, image=image, views=views))
            told.append(
                {
                    "index": output.index,
                    "record": asdict(output.record),
                    "path": output.path,
                    "views": list(output.views),
                }
            )
        return {"pictures": told, "file": _file(folder, job.file)}, kept

    def made(self, row: JobRow) -> tuple[list[Output], File | None]:
        """What a row tells of; what cannot be read is left out."""
        told: dict[str, Any] = json.loads(row.outputs)
        folder = self._folder / row.key
        outputs: list[Output] = []
        file: File | None = None
        for one in told.get("pictures", ()):
            try:
                index = int(one["index"])
                views = {
                    name: read_array(folder / f"{index}-{number}.npy")
                    for number, name in enumerate(one["views"])
                }
                image = read_array(folder / f"{index}.npy")
                outputs.append(Output(index, image, Record(**one["record"]), one["path"], views))
            except (OSError, KeyError, TypeError, ValueError) as error:
                log.warning("a result of an earlier run cannot be read: %s", error)
        if (named := told.get("file")) is not None:
            try:
                file = File(named[0], named[1], (folder / _FILE).read_bytes())
            except OSError as error:
                log.warning("a file of an earlier run cannot be read: %s", error)
        return outputs, file

    def put_steps(self, key: str, steps: bytes) -> None:
        """Keeps what a job rests with; raises as `write_synced` does."""
        write_synced(self._folder / key / _STEPS, lambda file: file.write(steps))

    def steps(self, key: str) -> bytes:
        """The same again; none where nothing was kept.

        Raises:
            OSError: They cannot be read.
        """
        path = self._folder / key / _STEPS
        return path.read_bytes() if path.exists() else b""

    def drop_steps(self, key: str) -> None:
        """It goes on from none of them any more."""
        (self._folder / key / _STEPS).unlink(missing_ok=True)

    def remove(self, key: str) -> None:
        """Nobody can ask for what this job made."""
        remove_folder(self._folder / key)

    def clear(self, keys: Collection[str]) -> None:
        """Removes what belongs to no job of these, and what a killed studio left half written."""
        for folder in self._folder.glob("*"):
            if folder.name in keys:
                clear_leftovers(folder)
            else:
                remove_folder(folder)


def _file(folder: Path, file: File | None) -> list[str] | None:
    if file is None:
        return None
    try:
        write_synced(folder / _FILE, lambda out: out.write(file.content))
    except OSError:
        return None
    return [file.name, file.kind]


def _put_away(path: Path, pixels: Pixels) -> Pixels:
    if not path.exists():
        write_array(path, pixels)
    return read_array(path)

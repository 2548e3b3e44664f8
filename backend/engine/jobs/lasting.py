"""Jobs that outlive the process: what a board keeps in the data folder, and finds there again.

Waiting jobs come back as they were; one that was running starts again once, and says so. What has
ended is asked for as before: its pictures lie in files, and take memory only while somebody looks.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never, cast

from backend.contracts.errors import BadInput, LoomError
from backend.contracts.events import State
from backend.contracts.requests import (
    CaptionedPicture,
    ResolvedRequest,
    Runnable,
    TrainDigitsRequest,
    TrainLoraRequest,
    VideoRequest,
)
from backend.contracts.settings import Settings
from backend.contracts.settings.live import LiveChange
from backend.contracts.settings.train_digits import TrainDigitsSettings
from backend.contracts.settings.train_lora import TrainLoraSettings
from backend.engine.jobs.job import Job, Rest
from backend.engine.jobs.patience import Patience
from backend.engine.jobs.results import Results
from backend.resolve import documents
from backend.storage.arrays import Inputs
from backend.storage.asked_rows import AskedRows
from backend.storage.job_rows import JobRow, JobRows

log = logging.getLogger(__name__)

AGAIN = "Started again: the studio stopped while it ran."
TWICE = "The studio stopped twice while this ran; it is not started a third time."
NOT_KEPT = "What it went on from is not kept after the studio has stopped; generate it again."
DAMAGED = "What this job was given could not be read again after the studio had stopped."


@dataclass(frozen=True)
class Found:
    """A job that an earlier process has left.

    Attributes:
        job: As it was; it waits, or has ended.
        row: What was kept of it.
    """

    job: Job
    row: JobRow


class Lasting:
    """The jobs of one board in a folder. Safe from any thread.

    Attributes:
        asked: What people have asked for in the last hour.

    Args:
        folder: Its own; made where there is none.

    Raises:
        OSError: It cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._rows = JobRows(folder / "jobs.sqlite")
        self._inputs = Inputs(folder / "inputs")
        self._results = Results(folder / "results")
        self.asked = AskedRows(self._rows)
        self._place = time.time()

    # --- what happens to a job ---------------------------------------------------------------

    def accept(self, job: Job) -> bool:
        """Keeps a job before anybody is told that it was taken; its pictures first.

        Returns:
            Whether it would outlast the process: not where the disk is full.
        """
        self._place = max(self._place + 1e-3, time.time())
        try:
            request = json.dumps(self._written(job.request, job.owner))
            row = JobRow(job.key, job.owner, job.background, "queued", self._place, request)
            self._rows.put(row).result()
        except Exception as error:
            log.warning("a job is not kept for after a restart: %s", error)
            return False
        return True

    def begun(self, job: Job) -> None:
        """It runs from now on: were the process to end, this would be said."""
        job.starts += 1
        done = self._rows.update(job.key, state="running", starts=job.starts)
        _waited(done.result)

    def rested(self, job: Job, steps: bytes) -> None:
        """It rests: keeps its steps and what it goes on with; returns at once."""
        status, rest = job.status(0), job.rest or Rest()
        changes = [one.model_dump(mode="json") for one in rest.changes]
        on = {"run": rest.run, "changes": changes, "steps": bool(steps)}

        def keep(db: Any) -> None:
            told, kept = self._results.put(job)
            if steps:
                self._results.put_steps(job.key, steps)
            values = (json.dumps(told | {"rest": on}), json.dumps(status.info, default=str))
            db.execute(
                "UPDATE jobs SET state='paused', starts=0, outputs=?, info=?"
                " WHERE key=? AND ended_s IS NULL",  # one may be stopped as it comes to rest
                (*values, job.key),
            )
            job.put_away(kept)

        job.starts = 0
        _waited(self._rows.change(keep).result)

    def queued(self, job: Job) -> None:
        """It waits for its turn to go on; what it rested with stays until it has ended."""
        self._rows.update(job.key, state="queued")

    def steps(self, job: Job) -> bytes:
        """The stored steps of a job that rests; none where it had not begun.

        Raises:
            OSError: They cannot be read.
        """
        return self._results.steps(job.key)

    def ended(self, job: Job) -> None:
        """Keeps what it made, and lets its pictures leave the memory; returns at once."""
        status = job.status(0)

        def keep(db: Any) -> None:
            self._results.drop_steps(job.key)
            told, kept = self._results.put(job)
            values = (
                job.state,
                json.dumps(told),
                status.error,
                json.dumps(status.info, default=str),
            )
            db.execute(
                "UPDATE jobs SET state=?, outputs=?, error=?, info=?, ended_s=? WHERE key=?",
                (*values, time.time(), job.key),
            )
            job.put_away(kept)

        self._rows.change(keep)

    def spill(self, job: Job) -> None:
        """Lets the pictures of a job that does not last leave the memory; returns at once.

        No row tells of them: the next start removes them.
        """

        def keep(db: Any) -> None:
            job.put_away(self._results.put(job)[1])
            job.spilled = job.ram_bytes == 0  # a full disk takes none

        job.spilled = True
        self._rows.change(keep)

    def saved(self, job: Job) -> None:
        """A picture of it has found its place among the outputs."""
        if job.ended_at is not None:
            self.ended(job)

    def keep(self, job: Job) -> None:
        """Whether it goes on when its page is left has been chosen anew."""
        self._rows.update(job.key, keeps=int(job.watch.keeps))

    def reorder(self, keys: Sequence[str]) -> None:
        """The order of those that wait."""
        self._rows.reorder(keys)

    def forget(self, jobs: Iterable[Job]) -> None:
        """Nobody can ask for these any more."""
        for job in jobs:
            row = self._rows.row(job.key)
            if row is not None:
                self._inputs.release(row.owner, _names(json.loads(row.request)))
            # After what may still be on its way into files.
            self._rows.change(lambda db, key=job.key: self._results.remove(key))
            self._rows.forget([job.key])

    def compact(self) -> None:
        """What was forgotten is not found in the queue's file either."""
        self._rows.compact()

    @property
    def paused(self) -> bool:
        """Whether the queue was paused."""
        return self._rows.fact("paused") == "1"

    @paused.setter
    def paused(self, on: bool) -> None:
        self._rows.note("paused", "1" if on else "0")

    def request(self, job: Job) -> Runnable:
        """What a job was asked for, with its pictures.

        Raises:
            LoomError: It can no longer be read.
        """
        row = self._rows.row(job.key)
        if row is None:
            raise BadInput("That job was not kept; ask for it anew.")
        return self._read(json.loads(row.request), row.owner)

    def close(self) -> None:
        """Writes what is left."""
        self._rows.close()

    # --- after a start -----------------------------------------------------------------------

    def found(self, patience: Callable[[Runnable], Patience]) -> list[Found]:
        """The jobs of the process before, those that wait in their order; clears what is left."""
        found: list[Found] = []
        for row in self._rows.all():
            asked = json.loads(row.request)
            self._inputs.used(row.owner, _names(asked))
            found.append(Found(self._job(row, asked, patience), row))
        self._inputs.clear()
        self._results.clear({one.row.key for one in found})
        return found

    def _job(
        self, row: JobRow, asked: dict[str, Any], patience: Callable[[Runnable], Patience]
    ) -> Job:
        request: Runnable
        problem = ""
        on: dict[str, Any] = json.loads(row.outputs).get("rest") or {}
        try:
            # What rests with steps of its own needs no more what it branched from.
            request = self._read(
                asked | {"branches": asked.get("branches") and not on.get("steps")}, row.owner
            )
        except (LoomError, OSError, ValueError, KeyError, TypeError) as error:
            request = VideoRequest("")  # it is not run
            problem = str(error) if isinstance(error, LoomError) else DAMAGED
        job = Job(
            request,
            row.owner,
            background=bool(row.background),
            patience=patience(request),
            key=row.key,
        )
        job.starts = row.starts
        job.keep(bool(row.keeps))
        if row.ended_s is not None:
            outputs, file = self._results.made(row)
            job.found_ended(
                cast("State", row.state), outputs, file, row.error, json.loads(row.info)
            )
        elif on and not problem:
            # Also one that went on again: it rests where it rested.
            outputs, _ = self._results.made(row)
            noted: list[Any] = on["changes"]
            rest = Rest(int(on["run"]), tuple(map(LiveChange.model_validate, noted)))
            job.found_resting(rest, outputs, json.loads(row.info))
        elif problem or row.starts >= 2:
            job.finish("failed", problem or TWICE)
            self.ended(job)
        elif row.state == "running":
            job.again = AGAIN
        return job

    # --- requests as text --------------------------------------------------------------------

    def _written(self, request: Runnable, owner: str) -> dict[str, Any]:
        match request:
            case ResolvedRequest():
                return {
                    "kind": "request",
                    "settings": _settings(request.settings),
                    "runs": [_settings(run) for run in request.runs],
                    "save": request.save,
                    "branches": request.branch is not None,
                    "images": {
                        name: self._inputs.put(owner, pixels)
                        for name, pixels in request.images.items()
                    },
                }
            case TrainLoraRequest():
                return {
                    "kind": "training",
                    "settings": request.settings.model_dump(mode="json"),
                    "pictures": [
                        [one.name, self._inputs.put(owner, one.image), one.caption]
                        for one in request.pictures
                    ],
                }
            case TrainDigitsRequest():
                return {
                    "kind": "digits",
                    "settings": request.settings.model_dump(mode="json"),
                }
            case VideoRequest():
                return {"kind": "video"}
        assert_never(request)

    def _read(self, asked: Mapping[str, Any], owner: str) -> Runnable:
        match asked["kind"]:
            case "request":
                if asked["branches"]:
                    raise BadInput(NOT_KEPT)
                images = {name: self._inputs.get(owner, of) for name, of in asked["images"].items()}
                return ResolvedRequest(
                    documents.of(asked["settings"], "a job").settings,
                    images,
                    save=asked["save"],
                    runs=tuple(documents.of(run, "a job").settings for run in asked["runs"]),
                )
            case "training":
                return TrainLoraRequest(
                    TrainLoraSettings.model_validate(asked["settings"]),
                    tuple(
                        CaptionedPicture(name, self._inputs.get(owner, of), caption)
                        for name, of, caption in asked["pictures"]
                    ),
                )
            case "digits":
                return TrainDigitsRequest(TrainDigitsSettings.model_validate(asked["settings"]))
            case _:
                raise BadInput(NOT_KEPT)


def _settings(settings: Settings) -> dict[str, Any]:
    return documents.made_of(settings.mode, settings.model_dump(mode="json"))


def _names(asked: Mapping[str, Any]) -> list[str]:
    """The inputs that a request names."""
    return [*asked.get("images", {}).values(), *(of for _, of, _ in asked.get("pictures", ()))]


def _waited(result: Callable[[], None]) -> None:
    try:
        result()
    except Exception as error:
        log.warning("the queue's file could not be written: %s", error)

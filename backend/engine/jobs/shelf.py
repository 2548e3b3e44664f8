"""The jobs that may still be asked about."""

from __future__ import annotations

import threading
from collections.abc import Callable

from backend.contracts.holdings import Holding
from backend.engine.jobs.job import Job, key_of


class Shelf:
    """All jobs that run or wait, and the last ones that ended, bounded in number and in bytes.

    Args:
        keep: Ended jobs to keep.
        budget_bytes: What ended jobs made and memory holds; those that ended first go first. The
            job that ended last stays, however large it is.
        disk_bytes: The same, with what lies in files.
    """

    def __init__(
        self, keep: int = 64, budget_bytes: int = 512 * 2**20, disk_bytes: int = 4096 * 2**20
    ) -> None:
        self._keep = keep
        self._budget = budget_bytes
        self._disk = disk_bytes
        self._jobs: dict[str, Job] = {}  # by key
        self._told: Callable[[str, str], None] = lambda before, token: None
        self._lock = threading.Lock()

    def tell(self, told: Callable[[str, str], None]) -> None:
        """Calls this when a job's token turns out to be another than the one made up for it."""
        self._told = told

    def put(self, job: Job) -> None:
        """Adds a job."""
        with self._lock:
            self._jobs[job.key] = job

    def get(self, token: str) -> Job | None:
        """The job of that token; None when it is not, or no longer, known."""
        with self._lock:
            job = self._jobs.get(key_of(token))
            if job is not None and job.token != token:
                self._told(job.token, token)  # of an earlier process: now its token is known
                job.token = token
            return job

    def drop(self, token: str) -> None:
        """Forgets a job."""
        with self._lock:
            self._jobs = {key: job for key, job in self._jobs.items() if job.token != token}

    def all(self) -> list[Job]:
        """Every job, in the order in which they came."""
        with self._lock:
            return list(self._jobs.values())

    def tidy(self) -> list[str]:
        """Forgets the ended jobs beyond the bounds, and returns their tokens."""
        with self._lock:
            ended = self._ended()
            held = sum(job.ram_bytes for job in ended)
            stored = sum(job.nbytes for job in ended)
            gone: list[str] = []
            for job in ended[:-1]:
                within = held <= self._budget and stored <= self._disk
                if len(ended) - len(gone) <= self._keep and within:
                    break
                held, stored = held - job.ram_bytes, stored - job.nbytes
                gone.append(job.token)
                del self._jobs[job.key]
            return gone

    def _ended(self) -> list[Job]:
        """Those that have ended, in that order."""
        ended = [(job.ended_at, job) for job in self._jobs.values() if job.ended_at is not None]
        return [job for _, job in sorted(ended, key=lambda pair: pair[0])]

    # --- on the ledger -----------------------------------------------------------------------

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of what ended jobs made and memory holds."""
        with self._lock:
            held = sum(job.ram_bytes for job in self._ended())
        return (Holding("results", "cpu", held),) if held else ()

    def release(self) -> int:
        """Forgets the ended jobs but the last of each owner, whose page may still show it.

        Those whose pictures lie in files stay.
        """
        with self._lock:
            ended = self._ended()
            last = {job.owner: job for job in ended}
            gone = [job for job in ended if last[job.owner] is not job and not job.lasting]
            for job in gone:
                del self._jobs[job.key]
            return sum(job.ram_bytes for job in gone)

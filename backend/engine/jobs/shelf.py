"""The jobs that may still be asked about."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from backend.contracts.holdings import Holding
from backend.engine.jobs.job import Job, key_of


class Shelf:
    """All jobs that run or wait, and the last ones that ended, bounded in number and in bytes.

    Jobs tell it when their state changes, so nothing is looked for among those that wait.

    Args:
        keep: Ended jobs to keep.
        budget_bytes: What ended jobs made and memory holds; those that ended first go first. The
            job that ended last stays, however large it is.
        disk_bytes: The same, with what lies in files.
        files: Pictures in files, each of which holds one open.
    """

    def __init__(
        self,
        keep: int = 64,
        budget_bytes: int = 512 * 2**20,
        disk_bytes: int = 4096 * 2**20,
        files: int = 1024,
    ) -> None:
        self._keep = keep
        self._budget = budget_bytes
        self._disk = disk_bytes
        self._files = files
        self._jobs: dict[str, Job] = {}  # by key
        self._running: dict[str, Job] = {}
        self._over: dict[str, Job] = {}
        self._news: deque[Job] = deque()  # whose state has changed; jobs write it under their locks
        self._told: Callable[[str, str], None] = lambda before, token: None
        self._lock = threading.Lock()

    def tell(self, told: Callable[[str, str], None]) -> None:
        """Calls this when a job's token turns out to be another than the one made up for it."""
        self._told = told

    def put(self, job: Job) -> None:
        """Adds a job."""
        with self._lock:
            self._jobs[job.key] = job
            job.news = self._news.append
            self._news.append(job)
            self._sort()

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
            key = key_of(token)
            if key not in self._jobs:  # of an earlier process, whose token is not known
                key = next((key for key, job in self._jobs.items() if job.token == token), "")
            self._remove(key)

    def all(self) -> list[Job]:
        """Every job, in the order in which they came."""
        with self._lock:
            return list(self._jobs.values())

    def running(self) -> list[Job]:
        """Those that run, in the order in which they began."""
        with self._lock:
            self._sort()
            return [job for job in self._running.values() if job.state == "running"]

    def tidy(self) -> list[Job]:
        """Forgets the ended jobs beyond the bounds, and returns them."""
        with self._lock:
            ended = self._ended()
            held = sum(map(_held, ended))
            stored = sum(job.nbytes for job in ended)
            files = sum(job.mapped for job in ended)
            gone: list[Job] = []
            for job in ended[:-1]:
                within = held <= self._budget and stored <= self._disk and files <= self._files
                if len(ended) - len(gone) <= self._keep and within:
                    break
                held, stored, files = (
                    held - _held(job),
                    stored - job.nbytes,
                    files - job.mapped,
                )
                gone.append(job)
                self._remove(job.key)
            return gone

    def spilling(self) -> list[Job]:
        """Ended jobs whose pictures take memory and better lay in files: the oldest, down to a
        quarter of what may be held. Those that last go there by themselves.
        """
        with self._lock:
            ended = self._ended()
            held = sum(map(_held, ended))
            found: list[Job] = []
            for job in ended:
                if held <= self._budget // 4:
                    break
                if _held(job) and not job.lasting:
                    found.append(job)
                    held -= _held(job)
            return found

    def _ended(self) -> list[Job]:
        """Those that have ended, in that order."""
        self._sort()
        ended = [(job.ended_at, job) for job in self._over.values() if job.ended_at is not None]
        return [job for _, job in sorted(ended, key=lambda pair: pair[0])]

    def _sort(self) -> None:
        """Takes in what jobs have told."""
        while self._news:
            job = self._news.popleft()
            self._running.pop(job.key, None)
            if self._jobs.get(job.key) is not job:
                continue
            if job.ended_at is not None:
                self._over[job.key] = job
            elif job.state == "running":
                self._running[job.key] = job

    def _remove(self, key: str) -> None:
        for jobs in (self._jobs, self._running, self._over):
            jobs.pop(key, None)

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
                self._remove(job.key)
            return sum(job.ram_bytes for job in gone)


def _held(job: Job) -> int:
    """Bytes of what it made that memory holds, and goes on holding."""
    return 0 if job.spilled else job.ram_bytes

"""The sentences of a job: of its mode, and of whoever made do with less memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backend.engine.jobs.job import Job


class Notes:
    """Collects them for one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._own: list[str] = []
        self._mode: list[str] = []

    def inform(self, facts: dict[str, Any]) -> None:
        """As `Context.inform`; the notes of a mode stand beside ours."""
        self._mode = list(facts.get("notes", self._mode))
        notes = [*self._mode, *self._own]
        self._job.inform({**facts, "notes": notes} if notes else facts)

    def tell(self, sentence: str) -> None:
        """Adds a sentence, once, and shows it beside the progress."""
        if sentence not in self._own:
            self._own.append(sentence)
            self._job.report(replace(self._job.progress, note=sentence))
            self.inform({})

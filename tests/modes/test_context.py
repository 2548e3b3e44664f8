"""A job's surroundings: what is the job's own goes to the job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from backend.contracts.events import Progress
from backend.modes.context import Context


@dataclass
class Job:
    """Notes what it is asked and told."""

    told: list[object] = field(default_factory=list[object])
    interludes: list[Any] = field(default_factory=list[Any])

    def check(self) -> None:
        self.told.append("check")

    def report(self, progress: Progress) -> None:
        self.told.append(progress)

    def inform(self, facts: dict[str, Any]) -> None:
        self.told.append(facts)


def made(job: Job) -> Context:
    nothing: Any = None
    return Context(job, nothing, nothing, nothing, nothing)


def test_two_jobs_share_nothing_that_they_were_not_given() -> None:
    first, second = made(Job()), made(Job())
    first.interludes.append(lambda: None)  # type: ignore[arg-type, return-value]
    first.ends.put("a", torch.zeros(1))
    assert second.interludes == []
    assert second.ends.get("a", torch.Tensor) is None
    assert first.posteriors is not second.posteriors


def test_the_job_is_asked_and_told() -> None:
    job = Job()
    context = made(job)
    context.check()
    progress = Progress("encoding")
    context.report(progress)
    context.inform({"share": 1.0})
    assert job.told == ["check", progress, {"share": 1.0}]
    assert context.interludes is job.interludes

"""What a job tells of itself beside its pictures: sentences, and the `info` of the API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, assert_never

from backend.contracts.events import Record
from backend.contracts.requests import (
    Request,
    Runnable,
    TrainDigitsRequest,
    TrainLoraRequest,
    VideoRequest,
)
from backend.contracts.settings import MODES, parse
from backend.engine.jobs.job import Job


class Notes:
    """The sentences of a job: of its mode, and of whoever made do with less memory."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._own: list[str] = []
        self._mode: list[str] = []

    def inform(self, facts: dict[str, Any]) -> None:
        """Adds to the job's info; the notes of a mode stand beside ours."""
        self._mode = list(facts.get("notes", self._mode))
        notes = [*self._mode, *self._own]
        self._job.inform({**facts, "notes": notes} if notes else facts)

    def tell(self, sentence: str) -> None:
        """Adds a sentence, once, and shows it beside the progress."""
        if sentence not in self._own:
            self._own.append(sentence)
            self._job.report(replace(self._job.progress, note=sentence))
            self.inform({})


def with_run(record: Record, request: Runnable, device: str = "") -> Record:
    """The record with what its settings do not say of the run, and its rounding depends on.

    Args:
        record: As the mode made it.
        request: That is run.
        device: On which, where there are several.
    """
    if not isinstance(request, Request):
        return record
    extra = dict(record.extra)
    together = request.settings.picture_count
    # The maps of a footprint have a mode of their own, which no picture has.
    alone = parse(record.mode, record.settings) if record.mode in MODES else request.settings
    if together > alone.picture_count:
        extra["drawn_together"] = together
    if request.branch is not None:
        extra["branched_at"] = request.branch.step + 1
    if device and extra.get("device") in (None, device.partition(":")[0]):
        extra["device"] = device  # another one may have drawn a part of the job
    return replace(record, extra=extra)


def kept(job: Job, steps: int) -> str:
    """What a stopped job leaves, in a sentence."""
    match job.request:
        case VideoRequest():
            return "Stopped; there is no video."
        case TrainLoraRequest() | TrainDigitsRequest():
            step, total = job.progress.step, job.progress.total
            return (
                f"Stopped after {step} of {total} steps; a checkpoint is kept to go on from."
                if step
                else "Stopped before the first step."
            )
        case Request():
            return _kept_pictures(len(job.outputs), steps)
    assert_never(job.request)


def _kept_pictures(pictures: int, steps: int) -> str:
    if pictures:
        what = "picture is" if pictures == 1 else "pictures are"
        return f"Stopped. {pictures} finished {what} kept."
    if steps:
        what = "1 step; it stays" if steps == 1 else f"{steps} steps; they stay"
        return f"Stopped after {what} in the timeline."
    return "Stopped before the first step."


def info(job: Job, steps: int) -> dict[str, Any]:
    """The `info` of the API: seeds, settings (all resolved), model, steps, elapsed_s."""
    if isinstance(job.request, VideoRequest):
        return {"elapsed_s": round(job.elapsed_s, 3)}
    settings = job.request.settings
    outputs = job.outputs
    return {
        "mode": settings.mode,
        "seeds": [output.record.settings["seed"] for output in outputs],
        "settings": settings.model_dump(mode="json"),
        "model": outputs[0].record.model if outputs else {"name": settings.model, "hash": ""},
        "steps": steps,
        "elapsed_s": round(job.elapsed_s, 3),
        "extra": [output.record.extra for output in outputs],
    }


def sentence(error: BaseException) -> str:
    """A message for what was not foreseen."""
    return (
        "Something went wrong inside the program "
        f"({type(error).__name__}); the terminal's log has the details. Other jobs go on."
    )

"""The thread that runs jobs on one device, one at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from backend.contracts.errors import Cancelled, DeadlineExceeded, LoomError, OutOfMemory
from backend.contracts.events import Output, Record
from backend.contracts.requests import AnyRequest, Request, TrainLoraRequest
from backend.contracts.settings import MODES, Settings, parse
from backend.engine.jobs.job import Job
from backend.engine.jobs.job_messages import Notes
from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.throughput import Pace
from backend.engine.local.kept_steps import Branches, Timelines
from backend.engine.local.steps import JobSteps
from backend.models.autoencoder.posterior import PosteriorCache
from backend.models.autoencoder.preview import PreviewKind
from backend.models.checkpoint import Checkpoint
from backend.models.lora.file import LoraFile
from backend.models.manager import ModelManager
from backend.models.memory import memory_pressure
from backend.models.memory.memory_pressure import Thrift
from backend.modes.context import Context
from backend.modes.end_cache import EndCache
from backend.storage.outputs import Storage

log = logging.getLogger(__name__)

RunMode = Callable[[AnyRequest, Context], Iterator[Output]]


def _as_it_is(settings: Settings) -> Settings:
    return settings


def no_advice(settings: Settings) -> str:
    """Nothing to say."""
    return ""


@dataclass(frozen=True)
class Worker:
    """Takes jobs from the queue and runs their mode.

    A job in the background lets interactive ones run inside its own `check`, so they start after
    at most one of its model calls and never meet it on the device.

    Attributes:
        queue: Where jobs come from.
        run_mode: Runs the mode of a request.
        models: The cache.
        lora: Reads a LoRA by name.
        timelines: Where steps are kept.
        storage: Where results are saved; None keeps them in memory only.
        preview: How previews are decoded.
        device_lock: Held while a job runs.
        posteriors: Input pictures that are encoded already.
        ends: Inversions and LoRAs of the ends of earlier morphs.
        prepare: Resolves settings that a mode makes of its own.
        pace: Learns how fast jobs are.
        lora_folder: Where trained LoRAs go.
        changed_files: Called when there is a new one.
        advise: What to ask for instead of a job that ran out of memory, a sentence or "".
    """

    queue: FairQueue[Job]
    run_mode: RunMode
    models: ModelManager[Checkpoint]
    lora: Callable[[str], LoraFile]
    timelines: Timelines
    storage: Storage | None
    preview: PreviewKind
    device_lock: threading.Lock
    posteriors: PosteriorCache = field(default_factory=PosteriorCache)
    ends: EndCache = field(default_factory=EndCache)
    prepare: Callable[[Settings], Settings] = _as_it_is
    pace: Pace = field(default_factory=Pace)
    lora_folder: Path = Path("models/loras")
    changed_files: Callable[[], None] = lambda: None
    advise: Callable[[Settings], str] = no_advice

    def loop(self) -> None:
        """Runs until the queue is closed."""
        while (job := self.queue.pop()) is not None:
            with self.device_lock:
                self._run(job)

    def _run(self, job: Job) -> None:
        if not job.start():
            return
        steps = JobSteps(job, self.timelines, self.preview)
        notes = Notes(job)
        context = Context(
            models=self.models,
            check=lambda: self._check(job, context),
            report=job.report,
            steps=steps,
            branches=Branches(self.timelines),
            lora=self.lora,
            posteriors=self.posteriors,
            inform=notes.inform,
            ends=self.ends,
            prepare=self.prepare,
            lora_folder=self.lora_folder,
            changed_files=self.changed_files,
        )
        try:
            with torch.no_grad(), memory_pressure.in_force(Thrift(self.models.relieve, notes.tell)):
                if memory_pressure.attempt(lambda: (self._outputs(job, context),)) is None:
                    self._again(job, context, steps)
                elif (
                    steps.begun_at is not None
                    and isinstance(job.request, Request)
                    and job.request.branch is None
                ):
                    self.pace.note(job.request.settings, time.monotonic() - steps.begun_at)
            job.finish("done", None, info(job, steps.executed))
        except Cancelled:
            job.finish("stopped", kept(job, steps.executed), info(job, steps.executed))
        except DeadlineExceeded as error:
            job.finish("stopped", str(error), info(job, steps.executed))
        except OutOfMemory as error:
            advice = self.advise(job.request.settings) if isinstance(job.request, Request) else ""
            job.finish("failed", f"{error} {advice}".strip(), info(job, steps.executed))
        except LoomError as error:
            job.finish("failed", str(error), info(job, steps.executed))
        except Exception as error:
            log.exception("job failed")
            job.finish("failed", sentence(error), info(job, steps.executed))

    def _outputs(self, job: Job, context: Context) -> None:
        for output in self.run_mode(job.request, context):
            job.add(self._saved(job, output))

    def _again(self, job: Job, context: Context, steps: JobSteps) -> None:
        """Once more from the start, where memory ran short before the first step."""
        self.models.relieve()
        begun = steps.executed or job.outputs or isinstance(job.request, TrainLoraRequest)
        if not begun and (
            memory_pressure.attempt(lambda: (self._outputs(job, context),)) is not None
        ):
            return
        self.models.relieve()
        raise OutOfMemory("There is not enough memory for this.")

    def _check(self, job: Job, context: Context) -> None:
        job.check()
        if not job.background:
            return
        before = job.progress
        while (other := self.queue.pop(interactive_only=True, wait=False)) is not None:
            job.report(replace(before, note="Waiting for a picture that goes first"))
            with ExitStack() as interlude:
                for pause in reversed(context.interludes):
                    interlude.enter_context(pause())
                self._run(other)
            job.report(before)
        job.check()

    def _saved(self, job: Job, output: Output) -> Output:
        output = replace(output, record=with_run(output.record, job.request))
        if self.storage is None or not job.request.save:
            return output
        job.report(replace(job.progress, stage="saving"))
        path = self.storage.save_output(output.image, output.record)
        return replace(output, path=str(path))


def with_run(record: Record, request: AnyRequest) -> Record:
    """The record with what its settings do not say of the run, and its rounding depends on."""
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
    return replace(record, extra=extra)


def kept(job: Job, steps: int) -> str:
    """What a stopped job leaves, in a sentence."""
    if isinstance(job.request, TrainLoraRequest):
        step, total = job.progress.step, job.progress.total
        return (
            f"Stopped after {step} of {total} steps; a checkpoint is kept to go on from."
            if step
            else "Stopped before the first step."
        )
    pictures = len(job.outputs)
    if pictures:
        what = "picture is" if pictures == 1 else "pictures are"
        return f"Stopped. {pictures} finished {what} kept."
    if steps:
        what = "1 step; it stays" if steps == 1 else f"{steps} steps; they stay"
        return f"Stopped after {what} in the timeline."
    return "Stopped before the first step."


def info(job: Job, steps: int) -> dict[str, Any]:
    """The `info` of the API: seeds, settings (all resolved), model, steps, elapsed_s."""
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


def sentence(error: Exception) -> str:
    """A message for what was not foreseen."""
    return (
        "Something went wrong inside the program "
        f"({type(error).__name__}); the terminal's log has the details. Other jobs go on."
    )


def warm(models: ModelManager[Checkpoint], name: str, device_lock: threading.Lock) -> None:
    """Loads a model before it is asked for; a failure is left for the job that needs it."""
    started = time.monotonic()
    try:
        with device_lock, models.lease(name):
            log.info("%s is ready after %.1f s", name, time.monotonic() - started)
    except Exception as error:
        log.warning("%s could not be loaded yet: %s", name, error)

"""The thread that runs jobs on one device, one at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from backend.engine.job import Job
from backend.engine.queue import FairQueue
from backend.engine.steps import JobSteps
from backend.engine.timeline import TimelineStore
from backend.errors import Cancelled, DeadlineExceeded, LoomError, OutOfMemory
from backend.events import Output
from backend.models.loading import Checkpoint
from backend.models.lora_file import LoraFile
from backend.models.manager import ModelManager
from backend.models.posterior import PosteriorCache
from backend.models.preview import PreviewKind
from backend.modes.context import Context
from backend.modes.end_cache import EndCache
from backend.requests import Request
from backend.storage import Storage

log = logging.getLogger(__name__)

RunMode = Callable[[Request, Context], Iterator[Output]]


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
    """

    queue: FairQueue[Job]
    run_mode: RunMode
    models: ModelManager[Checkpoint]
    lora: Callable[[str], LoraFile]
    timelines: TimelineStore
    storage: Storage | None
    preview: PreviewKind
    device_lock: threading.Lock
    posteriors: PosteriorCache = field(default_factory=PosteriorCache)
    ends: EndCache = field(default_factory=EndCache)

    def loop(self) -> None:
        """Runs until the queue is closed."""
        while (job := self.queue.pop()) is not None:
            with self.device_lock:
                self._run(job)

    def _run(self, job: Job) -> None:
        if not job.start():
            return
        steps = JobSteps(job, self.timelines, self.preview)
        context = Context(
            models=self.models, check=lambda: self._check(job, context), report=job.report,
            steps=steps, branches=self.timelines, lora=self.lora, posteriors=self.posteriors,
            inform=job.inform, ends=self.ends,
        )
        try:
            with torch.no_grad():
                for output in self.run_mode(job.request, context):
                    job.add(self._saved(job, output))
            job.finish("done", None, info(job, steps.executed))
        except Cancelled:
            job.finish("stopped", kept(job, steps.executed), info(job, steps.executed))
        except DeadlineExceeded as error:
            job.finish("stopped", str(error), info(job, steps.executed))
        except LoomError as error:
            job.finish("failed", str(error), info(job, steps.executed))
        except Exception as error:
            log.exception("job failed")
            job.finish("failed", sentence(error), info(job, steps.executed))

    def _check(self, job: Job, context: Context) -> None:
        job.check()
        if not job.background:
            return
        while (other := self.queue.pop(interactive_only=True, wait=False)) is not None:
            with ExitStack() as interlude:
                for pause in reversed(context.interludes):
                    interlude.enter_context(pause())
                self._run(other)
        job.check()

    def _saved(self, job: Job, output: Output) -> Output:
        if self.storage is None or not job.request.save:
            return output
        job.report(replace(job.progress, stage="saving"))
        path = self.storage.save_output(output.image, output.record)
        return replace(output, path=str(path))


def kept(job: Job, steps: int) -> str:
    """What a stopped job leaves, in a sentence."""
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
    """A message for what was not foreseen; memory that ran out is recognised."""
    text = str(error)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in text:
        return str(out_of_memory())
    return (
        "Something went wrong inside the program "
        f"({type(error).__name__}); the terminal's log has the details. Other jobs go on."
    )


def out_of_memory() -> OutOfMemory:
    return OutOfMemory("There is not enough memory for this; use a smaller size or batch.")


def warm(models: ModelManager[Checkpoint], name: str, device_lock: threading.Lock) -> None:
    """Loads a model before it is asked for; a failure is left for the job that needs it."""
    started = time.monotonic()
    try:
        with device_lock, models.lease(name):
            log.info("%s is ready after %.1f s", name, time.monotonic() - started)
    except Exception as error:
        log.warning("%s could not be loaded yet: %s", name, error)


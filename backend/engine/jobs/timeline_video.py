"""A run's stored steps as a video: a job, which waits its turn and shows how far it is."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import numpy as np

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.events import File, Pixels, Progress
from backend.contracts.requests import VideoRequest
from backend.engine.exports.video import mp4
from backend.engine.jobs.executor import Executor, JobRun
from backend.engine.jobs.timeline import StepT, Timeline, TimelineStore
from backend.pictures.fit import fit

MAX_FPS = 60
GONE = "The steps of that run are no longer kept; generate it again to save its video."


def check(request: VideoRequest, timelines: TimelineStore[StepT]) -> Timeline[StepT]:
    """The run that the video is of.

    Raises:
        UnknownName: Nothing is kept of it.
        BadInput: It has no such picture, or the video would be too fast or too slow.
    """
    run = timelines.get(request.run)
    if run is None or not run.stored:
        raise UnknownName(GONE)
    batch = run.stored[0].step.batch
    if not 0 <= request.image < batch:
        raise BadInput(f"That run made {batch} pictures; choose one of them.", "image")
    if not 1 <= request.fps <= MAX_FPS:
        raise BadInput(f"A video has 1 to {MAX_FPS} frames a second; choose that many.", "fps")
    return run


def make(
    run: JobRun,
    request: VideoRequest,
    timelines: TimelineStore[StepT],
    executor: Executor[StepT],
) -> None:
    """Draws x0 | x_t of each step in full size; the last step stands still for a second."""
    timeline = check(request, timelines)
    steps, settings = timeline.steps, timeline.stored[-1].settings
    run.report(Progress("loading", note=f"Loading {settings.model}"))
    with executor.decoding(run, settings) as decode:

        def frame(step: StepT) -> Pixels:
            kinds = (decode(step, "x0", request.image), decode(step, "xt", request.image))
            return np.concatenate(kinds, axis=1)

        def frames() -> Generator[Pixels]:
            last = frame(steps[-1])
            height, width = last.shape[:2]  # earlier stages may be smaller
            begun_s = run.job.elapsed_s
            for number, step in enumerate(steps[:-1]):
                run.check()
                each_s = (run.job.elapsed_s - begun_s) / number if number else None
                left_s = None if each_s is None else each_s * (len(steps) - 1 - number)
                run.report(Progress("decoding", number, len(steps), eta_s=left_s))
                yield fit(frame(step), width, height, "stretch").image
            run.report(Progress("decoding", len(steps) - 1, len(steps)))
            yield from [last] * (request.fps + 1)

        with closing(frames()) as drawn:
            content = mp4(drawn, request.fps)
    run.report(Progress("decoding", len(steps), len(steps)))
    run.attach(File("timeline.mp4", "video/mp4", content))

"""A run as a video: what is asked of the engine for it, frame by frame."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager

import numpy as np
import pytest

from backend.contracts.errors import BadInput, Cancelled, UnknownName
from backend.contracts.events import Pixels
from backend.contracts.requests import VideoRequest
from backend.contracts.settings import Settings, Txt2ImgSettings
from backend.engine.jobs import timeline_video
from backend.engine.jobs.executor import Decode, JobRun
from backend.engine.jobs.job import Job, Patience
from backend.engine.jobs.protocol import FrameKind
from backend.engine.jobs.timeline import TimelineStore
from tests.engine.jobs.test_timeline import Kept

SETTINGS = Txt2ImgSettings(seed=1, model="tiny")


class Decoder:
    """Pictures that say which step they are of; the first stage draws half as large."""

    def execute(self, run: JobRun) -> None:
        raise AssertionError("nothing is drawn anew")

    @contextmanager
    def decoding(self, run: JobRun, settings: Settings) -> Generator[Decode[Kept]]:
        self.settings = settings
        yield self.picture

    def picture(self, step: Kept, kind: FrameKind, image: int) -> Pixels:
        side = 8 if step.sigma > 1 else 16
        value = int(step.sigma) * 10 + image + (100 if kind == "xt" else 0)
        return np.full((side, side, 3), value, np.uint8)

    def glance(self, settings: Settings, step: Kept, kind: FrameKind, image: int) -> Pixels:
        raise AssertionError("a video is of full size")

    def foresee_s(self, settings: Settings) -> float | None:
        return None


def store() -> TimelineStore[Kept]:
    kept = TimelineStore[Kept]()
    kept.begin("run", SETTINGS)
    kept.add("run", Kept(3.0))
    kept.add("run", Kept(2.0))
    kept.next_stage("run", SETTINGS.model_copy(update={"steps": 7}))
    kept.add("run", Kept(0.0))
    return kept


def running(request: VideoRequest) -> JobRun:
    job = Job(request, "me", background=False, patience=Patience())
    assert job.start()
    return JobRun(job, lambda run: None, None)


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        (VideoRequest("other"), UnknownName, timeline_video.GONE),
        (VideoRequest("empty"), UnknownName, timeline_video.GONE),
        (VideoRequest("run", image=2), BadInput, "That run made 2 pictures; choose one of them."),
        (VideoRequest("run", image=-1), BadInput, "That run made 2 pictures; choose one of them."),
        (VideoRequest("run", fps=0), BadInput, "A video has 1 to 60 frames a second"),
        (VideoRequest("run", fps=61), BadInput, "A video has 1 to 60 frames a second"),
    ],
)
def test_what_cannot_be_a_video_is_refused(
    request_: VideoRequest, error: type[Exception], said: str
) -> None:
    kept = store()
    kept.begin("empty", SETTINGS)
    with pytest.raises(error) as raised:
        timeline_video.check(request_, kept)
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize("fps", [1, 60])
def test_the_slowest_and_the_fastest_are_taken(fps: int) -> None:
    kept = store()
    assert timeline_video.check(VideoRequest("run", image=1, fps=fps), kept) is kept.get("run")


def test_both_pictures_of_each_step_side_by_side_and_the_last_for_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Pixels] = []

    def encode(frames: Iterable[Pixels], fps: int) -> bytes:
        seen.extend(frames)
        return b"video at %d" % fps

    monkeypatch.setattr(timeline_video, "mp4", encode)
    request, decoder = VideoRequest("run", image=1, fps=4), Decoder()
    run = running(request)
    timeline_video.make(run, request, store(), decoder)
    assert [frame.shape for frame in seen] == [(16, 32, 3)] * (2 + 4 + 1)
    assert [(int(f[8, 4, 0]), int(f[8, 28, 0])) for f in seen[:3]] == [
        (31, 131),
        (21, 121),
        (1, 101),
    ]
    assert all(np.array_equal(frame, seen[2]) for frame in seen[3:])
    assert decoder.settings.steps == 7  # of the last stage
    file = run.job.file
    assert file is not None
    assert (file.name, file.kind, file.content) == ("timeline.mp4", "video/mp4", b"video at 4")
    assert (run.job.progress.step, run.job.progress.total) == (3, 3)


def test_it_stops_between_two_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    request = VideoRequest("run")
    run, seen = running(request), list[Pixels]()

    def encode(frames: Iterable[Pixels], fps: int) -> bytes:
        for frame in frames:
            seen.append(frame)
            run.job.cancel()
        return b""

    monkeypatch.setattr(timeline_video, "mp4", encode)
    with pytest.raises(Cancelled):
        timeline_video.make(run, request, store(), Decoder())
    assert len(seen) == 1
    assert run.job.file is None

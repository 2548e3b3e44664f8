"""Requests: what the engine accepts. Settings and pixels, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import assert_never

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.settings import Settings
from backend.contracts.settings.live import LiveChange
from backend.contracts.settings.train_digits import TrainDigitsSettings
from backend.contracts.settings.train_lora import TrainLoraSettings


@dataclass(frozen=True)
class Branch:
    """Go on from a step of an earlier run.

    Attributes:
        token: The earlier job.
        step: Index of the stored step to go on from (see `TimelineInfo`).
        fan: Makes a batch of one of its pictures: the first goes on as it is, the others with the
            noise of their own seeds from there on. Else all go on.
        image: Which picture.
    """

    token: str
    step: int
    fan: bool = False
    image: int = 0


@dataclass(frozen=True)
class Request:
    """One job, as it is asked for.

    Attributes:
        settings: The settings of a mode; their class says which mode runs.
        images: Named input pictures, (H, W, 3) uint8 RGB, e.g. "image", "mask", "control_image".
        branch: Start from a stored step rather than from noise.
        save: Write the results into the outputs folder.
    """

    settings: Settings
    images: dict[str, Pixels] = field(default_factory=dict[str, Pixels])
    branch: Branch | None = None
    save: bool = True


@dataclass(frozen=True)
class Resumed:
    """Where a request goes on that was paused.

    Attributes:
        run: Which of its runs, from 0; those before it are done.
        branch: The stored step of that run; None where none had run.
        changes: What had been changed by then.
    """

    run: int = 0
    branch: Branch | None = None
    changes: tuple[LiveChange, ...] = ()


@dataclass(frozen=True)
class ResolvedRequest(Request):
    """One job as it runs: made by `backend.resolve`, taken by engines.

    Attributes:
        runs: What it comes to, complete in every field, words drawn: each batch by itself, or the
            cells of a grid (x fastest, then y, then z). Where `settings` are those of one run they
            are that run's; of several they are what these have in common.
        resumed: Where it goes on after a pause; None from its beginning.
    """

    runs: tuple[Settings, ...] = ()
    resumed: Resumed | None = None

    @property
    def left(self) -> Iterator[tuple[int, int, Request]]:
        """What is still to run: number of the run, pictures that came before it, the run alone."""
        resumed, made = self.resumed or Resumed(), 0
        for number, settings in enumerate(self.runs):
            before, made = made, made + settings.picture_count
            if number < resumed.run:
                continue
            if self.resumed is None or number > resumed.run:
                yield number, before, self.single(settings)
                continue
            if resumed.changes:
                settings = settings.model_copy(update={"changes": resumed.changes})
            branch = resumed.branch or self.branch
            yield number, before, Request(settings, self.images, branch, self.save)

    def single(self, settings: Settings) -> Request:
        """A run by itself, with the pictures and the branch of them all."""
        return Request(settings, self.images, self.branch, self.save)


@dataclass(frozen=True)
class CaptionedPicture:
    """One picture to learn from.

    Attributes:
        name: To name it in messages.
        image: (H, W, 3) uint8 RGB.
        caption: What it shows; empty takes the settings' caption.
    """

    name: str
    image: Pixels
    caption: str = ""


@dataclass(frozen=True)
class TrainLoraRequest:
    """One training; a background job, whose outputs are its validation pictures.

    Attributes:
        settings: What is asked for.
        pictures: What to learn.
    """

    settings: TrainLoraSettings
    pictures: tuple[CaptionedPicture, ...]

    @property
    def save(self) -> bool:
        """Validation pictures are not saved among the results."""
        return False


@dataclass(frozen=True)
class TrainDigitsRequest:
    """One training from nothing; a background job, whose outputs are sheets of its samples.

    Attributes:
        settings: What is asked for.
    """

    settings: TrainDigitsSettings

    @property
    def save(self) -> bool:
        """Sheets are not saved among the results."""
        return False


Training = TrainLoraRequest | TrainDigitsRequest
"""A job in the background that leaves a file to draw with."""


@dataclass(frozen=True)
class VideoRequest:
    """A run's stored steps as a video (mp4, H.264) of x0 | x_t; the job's file.

    Attributes:
        run: The token of the run's job.
        image: Which of its pictures.
        fps: Steps a second.
    """

    run: str
    image: int = 0
    fps: int = 10

    @property
    def save(self) -> bool:
        """It is no picture."""
        return False


AnyRequest = Request | Training | VideoRequest
"""What may be asked for."""
ModeRequest = ResolvedRequest | Training
"""What a mode runs."""
Runnable = ModeRequest | VideoRequest
"""What an engine takes."""


def check_pictures(request: Request) -> None:
    """Refuses a request without the pictures that its mode needs.

    Raises:
        BadInput: Says what to add.
    """
    problem = request.settings.missing_picture(request.images)
    if problem is not None:
        raise BadInput(problem, "image")


def given_bytes(request: Runnable) -> int:
    """What its pictures take; one that stands under several names counts once."""
    match request:
        case Request():
            pictures = [*request.images.values()]
        case TrainLoraRequest():
            pictures = [picture.image for picture in request.pictures]
        case VideoRequest() | TrainDigitsRequest():
            pictures = []
        case _:
            assert_never(request)
    return sum({id(picture): picture.nbytes for picture in pictures}.values())


def without_pictures(request: Runnable) -> Runnable:
    """What is still told of a request once its pictures are not needed any more."""
    match request:
        case Request():
            return replace(request, images={})
        case TrainLoraRequest():
            return replace(request, pictures=())
        case VideoRequest() | TrainDigitsRequest():
            return request
    assert_never(request)

"""A mode: the kind of settings that it belongs to, and how one run of them is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from backend.contracts.errors import Cancelled, Skipped
from backend.contracts.events import Output, Pixels
from backend.contracts.requests import Branch, ModeRequest, Request, ResolvedRequest
from backend.contracts.settings import Settings
from backend.modes.context import Context
from backend.resolve.live import Course

AskedT = TypeVar("AskedT", bound=Settings, covariant=True)
SettingsT = TypeVar("SettingsT", bound=Settings)


@dataclass(frozen=True)
class Task(Generic[AskedT]):
    """One run of a mode.

    Attributes:
        settings: Resolved.
        images: Named pictures, (H, W, 3) uint8 RGB.
        branch: The stored step that it goes on from.
    """

    settings: AskedT
    images: Mapping[str, Pixels]
    branch: Branch | None = None


class Mode(Protocol):
    """What the engine runs a job by."""

    @property
    def name(self) -> str:
        """What settings call it."""
        ...

    def run(self, request: ModeRequest, context: Context) -> Iterator[Output]:
        """Draws everything that the request asks for."""
        ...


@dataclass(frozen=True)
class PictureMode(Generic[SettingsT]):
    """A mode that makes pictures, one batch after the other.

    Attributes:
        settings: The class of its settings.
        draw: Makes one batch.
    """

    settings: type[SettingsT]
    draw: Callable[[Task[SettingsT], Context], Iterator[Output]]

    @property
    def name(self) -> str:
        """What settings call it."""
        return self.settings.mode

    def run(self, request: ModeRequest, context: Context) -> Iterator[Output]:
        """One batch after the other; a stop keeps those that are done, a skip leaves one out."""
        if not isinstance(request, ResolvedRequest):
            raise TypeError(f"{self.name} draws pictures")
        if len(request.runs) == 1:
            ((_, _, only),) = request.left
            return self.alone(only, context)
        return self._batches(request, context)

    def alone(self, request: Request, context: Context, number: int = 0) -> Iterator[Output]:
        """One batch; `number` tells which of its job's."""
        if not isinstance(request.settings, self.settings):
            raise TypeError(f"{self.name} draws {self.settings.__name__}")
        course = Course.of(request.settings, lambda: context.job.wishes)
        context.job.draws(number, course)
        task = Task(request.settings, request.images, request.branch)
        return self.draw(task, replace(context, course=course))

    def _batches(self, request: ResolvedRequest, context: Context) -> Iterator[Output]:
        made: int | None = None
        skipped: list[int] = []
        batches = list(request.left)
        with context.share([batch for _, _, batch in batches]) as elsewhere:
            for place, (number, before, batch) in enumerate(batches):
                context.steps.batch(number, len(request.runs))
                first = made = before if made is None else made
                try:
                    drawn = elsewhere(place)
                    for output in self.alone(batch, context, number) if drawn is None else drawn:
                        made += 1
                        yield replace(output, index=first + output.index)
                except Skipped:
                    skipped.append(number)
                    context.inform({"skipped": list(skipped)})
        if not made:
            raise Cancelled("All of it was skipped.")

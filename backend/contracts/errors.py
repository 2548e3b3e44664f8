"""User-safe errors: each message is a whole sentence that says what to do next.

Only these reach a person's screen as they are; anything else is reported as an internal error
without its traceback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_ABSOLUTE = re.compile(r"(^|[\s'\"‘(\[<=,])(?:[A-Za-z]:[/\\]|/|\\\\)")


@dataclass(frozen=True)
class Fix:
    """A change of settings that would do, offered beside the sentence.

    Attributes:
        label: On its button.
        changes: Settings fields and their new values.
    """

    label: str
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])


def short(text: object) -> str:
    """What a stranger wrote, to be quoted in a sentence: on one line, cut where it is long."""
    line = " ".join(str(text)[:2000].split())
    return line if len(line) <= 120 else line[:119] + "…"


def told(error: BaseException) -> str:
    """What a library says of a failure, to be quoted in a sentence: its first line, cut.

    From an absolute path on to the line's last folder it is left out: where a studio's files lie
    is nobody's business who visits it, and a path may hold blanks.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    line = short(next(iter(str(error)[:2000].strip().splitlines()), ""))
    begin = _ABSOLUTE.search(line)
    if begin is None:
        return line
    end = max(line.rfind("/"), line.rfind("\\"))
    return line[: begin.end(1)] + line[end + 1 :]


def enumerated(parts: Sequence[str], most: int) -> str:
    """ "a", "a and b", "a, b and 3 more"."""
    shown = list(parts[:most])
    if len(parts) > most:
        shown.append(f"{len(parts) - most} more")
    *first, last = shown
    return f"{', '.join(first)} and {last}" if first else last


class LoomError(Exception):
    """Base of every error whose message may be shown to a user as it stands."""


class BadInput(LoomError):
    """A setting or a file cannot be used.

    Args:
        message: One sentence that says what to change.
        field: The settings field at fault, where there is one.
        fix: A change of settings that would do, where one is plain.
    """

    def __init__(self, message: str, field: str | None = None, fix: Fix | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.fix = fix


class NotYours(BadInput):
    """It belongs to somebody else, who has not shared it."""


class UnknownName(BadInput):
    """A model, sampler, schedule, preset or job of that name does not exist."""


class ModelProblem(LoomError):
    """A model's folder or file is missing parts, damaged, or of a kind that is refused."""


class OutOfMemory(LoomError):
    """The device cannot hold the job; the message says what would fit."""


class NumericalProblem(LoomError):
    """The model produced NaN or infinite values even after one retry in float32."""


class StorageProblem(LoomError):
    """A file could not be written or read (disk full, no permission, damaged)."""


class QueueFull(LoomError):
    """The queue holds as many jobs of this owner as it accepts."""


class Closing(QueueFull):
    """The studio is about to end; the same may be asked for once it is back."""


class Cancelled(LoomError):
    """The job was stopped by its owner."""


class Unwatched(Cancelled):
    """The job was stopped because nobody watched it any more."""


class Skipped(LoomError):
    """The run that is being drawn is passed over; the job goes on with its next one."""


class Paused(LoomError):
    """The job stops before a step, to go on later: no failure."""


class DeadlineExceeded(LoomError):
    """The job ran longer than it may while nobody watches it."""

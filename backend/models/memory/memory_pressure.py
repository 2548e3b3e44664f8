"""What is done when memory runs short, everywhere in the same way.

Free what is free, try the same in a smaller way (fewer rows, tiles, pieces in turns), say what is
done differently, and at last say in a sentence what would fit. Whoever has a smaller way names its
ways, the largest first, and `overcome` goes down them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

from backend.contracts.errors import OutOfMemory

ResultT = TypeVar("ResultT")
# How allocators of the CPU, of CUDA's libraries and of MPS word it in a plain RuntimeError.
SAID = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


def _free_nothing() -> None:
    return None


def _tell_nobody(sentence: str) -> None:
    return None


@dataclass(frozen=True)
class Thrift:
    """A job's means against a shortage.

    Attributes:
        relieve: Lets go of what other models hold on the device.
        tell: Takes a sentence for the user about what is done differently.
    """

    relieve: Callable[[], object] = _free_nothing
    tell: Callable[[str], None] = _tell_nobody


_of_job: ContextVar[Thrift] = ContextVar("thrift", default=Thrift())  # noqa: B039, it is frozen


def current() -> Thrift:
    """That of the job which runs in this thread; outside of jobs one that does nothing."""
    return _of_job.get()


@contextmanager
def in_force(thrift: Thrift) -> Generator[None]:
    """Makes it the current one, e.g. while a job runs inside another one."""
    token = _of_job.set(thrift)
    try:
        yield
    finally:
        _of_job.reset(token)


def is_shortage(error: BaseException) -> bool:
    """Whether an allocation failed."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAID)


def attempt(work: Callable[[], ResultT], *, refused: bool = False) -> ResultT | None:
    """The result, or None where memory ran short.

    By then the error is gone, and with its traceback the tensors that the failed call held.

    Args:
        refused: Work inside that went down its own ways in vain counts too.
    """
    done = _tried(work, refused)
    return None if isinstance(done, str) else done[0]


@dataclass(frozen=True)
class Way(Generic[ResultT]):
    """One way to do some work.

    Attributes:
        work: Does it.
        told: What is done differently then, for the user; "" for the way that was asked for.
    """

    work: Callable[[], ResultT]
    told: str = ""


def overcome(
    ways: Iterable[Way[ResultT]],
    otherwise: str,
    free: Callable[[], object] | None = None,
    *,
    refused: bool = False,
) -> ResultT:
    """The work in the first way that memory allows; after each failure what is free is freed.

    Args:
        ways: The one that takes the most memory first.
        otherwise: What is said where none fits; it tells what would.
        free: What frees memory; None is what the job has for it.
        refused: Work inside that went down its own ways in vain counts too; its sentence goes
            before `otherwise`.

    Raises:
        OutOfMemory: None fits.
    """
    job = current()
    said = ""
    for way in ways:
        done = _tried(way.work, refused)
        if not isinstance(done, str):
            if way.told:
                job.tell(way.told)
            return done[0]
        said = done
        (free or job.relieve)()
    raise OutOfMemory(said or otherwise)


@contextmanager
def advised(advice: Callable[[], str]) -> Generator[None]:
    """Adds a sentence, e.g. what would fit, to what is said where memory does not do.

    Args:
        advice: Asked then; "" adds nothing.
    """
    try:
        yield
    except OutOfMemory as error:
        raise OutOfMemory(f"{error} {advice()}".strip()) from None


def halvings(most: int, least: int = 1) -> Iterator[int]:
    """Sizes of parts that are worth a try, from `most` down; the last one twice."""
    size = most
    while size > least:
        yield size
        size = max(least, (size + 1) // 2)
    yield size
    yield size


def _tried(work: Callable[[], ResultT], refused: bool) -> tuple[ResultT] | str:
    """The result, or what was said of memory that ran short: nothing by a failed allocation."""
    try:
        return (work(),)
    except Exception as error:
        if refused and isinstance(error, OutOfMemory):
            return str(error)
        if not is_shortage(error):
            raise
    return ""

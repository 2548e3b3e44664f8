"""What a job does when memory runs short: it frees what is free, goes on in parts, and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import torch

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
def in_force(thrift: Thrift) -> Iterator[None]:
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


def attempt(work: Callable[[], ResultT]) -> ResultT | None:
    """The result, or None where memory ran short.

    By then the error is gone, and with its traceback the tensors that the failed call held.
    """
    try:
        return work()
    except Exception as error:
        if not is_shortage(error):
            raise
    return None

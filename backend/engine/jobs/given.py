"""Pictures that jobs were given lie in memory until they have ended: how much of it may be held."""

from __future__ import annotations

from collections.abc import Iterable

from backend.contracts.errors import QueueFull
from backend.contracts.requests import given_bytes
from backend.engine.jobs.job import Job
from backend.engine.jobs.limits import MIB
from backend.engine.jobs.owners import account_of


def check_given(job: Job, others: Iterable[Job], a_person: int, in_all: int) -> None:
    """Refuses a job whose pictures do not fit beside those that others hold.

    Args:
        job: Not queued yet.
        others: Every job that there is.
        a_person: Bytes that the jobs of one person may hold; a job alone may hold any number.
        in_all: Bytes of all together.

    Raises:
        QueueFull: They do not.
    """
    wanted = given_bytes(job.request)
    if not wanted:
        return
    held = [(account_of(other.owner), given_bytes(other.request)) for other in others]
    mine = sum(count for account, count in held if account == account_of(job.owner))
    if mine and mine + wanted > a_person:
        raise QueueFull(
            f"Your jobs hold {mine / MIB:.0f} MiB of pictures, and one person's may hold "
            f"{a_person / MIB:.0f}; stop one or wait until one is done."
        )
    everybodys = sum(count for _, count in held)
    if everybodys and everybodys + wanted > in_all:
        raise QueueFull(
            f"All jobs together hold {everybodys / MIB:.0f} MiB of pictures, as much as may; try "
            "again in a while."
        )

import threading
from dataclasses import dataclass

import pytest

from backend.contracts.errors import QueueFull
from backend.engine.jobs.queue import FairQueue


@dataclass(frozen=True, eq=False)
class Ticket:
    name: str
    owner: str
    background: bool = False


def drain(queue: FairQueue[Ticket]) -> list[str]:
    names = []
    while (job := queue.pop(wait=False)) is not None:
        names.append(job.name)
    return names


def position(queue: FairQueue[Ticket], job: Ticket) -> int | None:
    """How many jobs run before this one; None when it does not wait."""
    order = queue.order()
    return order.index(job) if job in order else None


def test_owners_take_turns_and_each_is_served_in_order() -> None:
    queue: FairQueue[Ticket] = FairQueue()
    jobs = [Ticket("a1", "a"), Ticket("a2", "a"), Ticket("a3", "a"), Ticket("b1", "b")]
    for job in jobs:
        queue.push(job)
    assert [position(queue, job) for job in jobs] == [0, 2, 3, 1]
    assert drain(queue) == ["a1", "b1", "a2", "a3"]


def test_interactive_jobs_go_before_background_ones() -> None:
    queue: FairQueue[Ticket] = FairQueue()
    queue.push(Ticket("grid", "a", background=True))
    queue.push(Ticket("picture", "b"))
    assert queue.pop(interactive_only=True, wait=False).name == "picture"  # type: ignore[union-attr]
    assert queue.pop(interactive_only=True, wait=False) is None
    assert drain(queue) == ["grid"]


def test_position_foretells_the_order_of_any_mix() -> None:
    queue: FairQueue[Ticket] = FairQueue()
    jobs = [
        Ticket(f"{owner}{i}", owner, background=i % 3 == 0)
        for i in range(7)
        for owner in "abc"[: 1 + i % 3]
    ]
    for job in jobs:
        queue.push(job)
    foretold = [job.name for job in sorted(jobs, key=lambda job: position(queue, job) or 0)]
    assert drain(queue) == foretold


def test_one_owner_cannot_fill_the_queue_for_another() -> None:
    queue: FairQueue[Ticket] = FairQueue(limit_per_owner=2)
    queue.push(Ticket("1", "a"))
    queue.push(Ticket("2", "a", background=True))
    with pytest.raises(QueueFull, match="2 jobs waiting"):
        queue.push(Ticket("3", "a"))
    queue.push(Ticket("4", "b"))


def test_a_removed_job_is_not_served() -> None:
    queue: FairQueue[Ticket] = FairQueue()
    first, second = Ticket("1", "a"), Ticket("2", "a")
    queue.push(first)
    queue.push(second)
    assert queue.remove(first)
    assert not queue.remove(first)
    assert position(queue, first) is None
    assert drain(queue) == ["2"]


def test_close_wakes_the_worker_and_returns_what_waited() -> None:
    queue: FairQueue[Ticket] = FairQueue()
    got: list[Ticket | None] = []
    worker = threading.Thread(target=lambda: got.append(queue.pop()))
    worker.start()
    assert queue.close() == []
    worker.join(60)
    assert got == [None]


def test_a_job_moves_up_among_its_owners_alone() -> None:
    queue: FairQueue[Ticket] = FairQueue()
    first, second, other = Ticket("1", "a"), Ticket("2", "a"), Ticket("3", "b")
    for item in (first, second, other):
        queue.push(item)
    assert queue.order()[: position(queue, second)] == [first, other]
    assert queue.promote(second)
    assert [queue.pop(wait=False) for _ in range(3)] == [second, other, first]
    assert not queue.promote(second)
    queue.push(first)
    assert queue.promote(first)  # the only one: it stays
    assert position(queue, first) == 0


def test_made_up_owners_cannot_fill_the_queue_without_end() -> None:
    queue: FairQueue[Ticket] = FairQueue(limit=3)
    for number in range(3):
        queue.push(Ticket(str(number), f"owner {number}", background=number == 1))
    with pytest.raises(QueueFull, match="3 jobs wait, as many as may"):
        queue.push(Ticket("one more", "a fresh owner"))
    assert queue.pop(wait=False) is not None
    queue.push(Ticket("one more", "a fresh owner"))

"""Who of several workers is given which job: turns between people first, then what is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from backend.engine.jobs.queue import FairQueue
from backend.engine.jobs.seats import OVERTAKEN_S, OVERTAKES, Seat, place


@dataclass(frozen=True, eq=False)
class Ticket:
    name: str
    owner: str
    model: str = "a"
    background: bool = False


@dataclass
class Room:
    """A queue with workers that have loaded these models, and a clock that stands still."""

    loaded: dict[str, set[str]]
    now_s: float = 0.0
    seats: list[Seat[Ticket]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue: FairQueue[Ticket] = FairQueue(clock=lambda: self.now_s)
        for name, models in self.loaded.items():
            seat = Seat[Ticket](
                name,
                holds=lambda job, models=models: job.model in models,
                model=lambda job: job.model,
                loaded=lambda models=models: len(models),
            )
            self.seats.append(seat)
            self.queue.seat(seat)

    def next(self, number: int = 0) -> str | None:
        """The name of the job that a worker gets when it asks."""
        job = self.queue.pop(seat=self.seats[number], wait=False)
        return None if job is None else job.name

    def push(self, *jobs: Ticket) -> None:
        for job in jobs:
            self.queue.push(job)


def flooded(room: Room) -> Room:
    room.push(*(Ticket(f"a{n}", "ada") for n in range(12)), Ticket("b0", "bob", "b"))
    return room


def test_one_who_floods_a_model_lets_anothers_first_job_begin_after_three() -> None:
    room = flooded(Room({"0": {"a"}, "1": {"a"}}))
    order = [room.next(n % 2) for n in range(6)]
    assert order == ["a0", "a1", "a2", "a3", "b0", "a4"]
    assert OVERTAKES == 3


def test_thirty_seconds_after_it_was_first_overtaken_the_load_is_paid() -> None:
    room = flooded(Room({"0": {"a"}, "1": {"a"}}))
    assert [room.next(), room.next(1)] == ["a0", "a1"]
    room.now_s += OVERTAKEN_S
    assert room.next() == "b0"


def test_with_one_device_turns_alone_decide() -> None:
    room = flooded(Room({"": {"a"}}))
    assert [room.next() for _ in range(3)] == ["a0", "b0", "a1"]


def test_a_job_goes_to_the_idle_worker_that_has_its_model_else_to_the_emptiest() -> None:
    room = Room({"full": {"x", "y"}, "empty": {"z"}, "has": {"a", "b", "c"}})
    for seat in room.seats:
        seat.idle = True
    room.push(Ticket("one", "ada"), Ticket("two", "ada"))
    assert [seat.given and seat.given.name for seat in room.seats] == [None, "two", "one"]


def test_nobody_in_the_background_overtakes_who_waits_for_a_picture() -> None:
    room = Room({"0": {"a"}, "1": {"a"}})
    room.push(Ticket("grid", "ada", background=True), Ticket("picture", "bob", "b"))
    assert [room.next(), room.next()] == ["picture", "grid"]


def test_a_drained_or_failed_worker_takes_nothing_and_a_kept_one_its_model_alone() -> None:
    room = flooded(Room({"0": {"a"}, "1": {"a"}}))
    drained, kept = room.seats
    drained.drained, kept.pinned = True, "b"
    assert [room.next(), room.next(1), room.next(1)] == [None, "b0", None]
    drained.drained, drained.failed = False, "gone"
    assert room.next() is None
    room.queue.rearrange(lambda: setattr(kept, "pinned", ""))
    assert room.next(1) == "a0"


def test_a_job_does_not_come_back_to_where_it_did_not_fit() -> None:
    room = Room({"small": {"a"}, "large": set()})
    large = Ticket("large", "ada")
    room.push(large)
    assert room.next() == "large"
    room.seats[0].avoids.add(large)
    room.push(Ticket("other", "ada"))
    room.queue.put_back(large, first=True)
    assert [room.next(0), room.next(1)] == ["other", "large"]


@pytest.mark.parametrize("due", [False, True])
def test_a_job_that_is_due_is_overtaken_by_nobody(due: bool) -> None:
    waits, quick = Ticket("waits", "ada", "b"), Ticket("quick", "bob")
    seat = Seat[Ticket]("0", holds=lambda job: job.model == "a")
    found = place([waits, quick], [seat], lambda job: due)
    assert found is not None
    assert (found.job, found.overtaken) == ((waits, ()) if due else (quick, (waits,)))

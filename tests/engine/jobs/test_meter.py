"""What a person has had drawn in an hour."""

from __future__ import annotations

import pytest

from backend.contracts.errors import QueueFull
from backend.contracts.requests import ResolvedRequest, VideoRequest
from backend.contracts.settings import parse
from backend.engine.jobs.meter import HOUR_S, Meter, cost


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_hours_share_is_kept_to_and_comes_back() -> None:
    clock = Clock()
    meter = Meter(10.0, clock)
    meter.take("ada", 4.0)
    clock.now = 600.0
    meter.take("ada", 4.0)
    with pytest.raises(QueueFull, match=r"takes 4\.0 .* used 8\.0 of the 10 .* fits in 50 min"):
        meter.take("ada", 4.0)
    meter.take("bob", 10.0)
    clock.now = HOUR_S
    meter.take("ada", 4.0)
    assert meter.used("ada") == 8.0
    with pytest.raises(QueueFull, match="fewer steps or a smaller picture"):
        meter.take("carl", 10.5)


def test_without_a_limit_it_only_counts() -> None:
    meter = Meter()
    meter.take("ada", 1e9)
    meter.take("ada", 1e9)
    assert meter.used("ada") == 2e9
    assert meter.used("bob") == 0.0


def test_a_request_costs_megapixels_times_steps_times_pictures() -> None:
    values = {"width": 1000, "height": 500, "steps": 20, "batch_size": 3, "seed": 1}
    settings = parse("txt2img", values | {"width": 1024, "height": 512})
    request = ResolvedRequest(settings, runs=(settings, settings))
    assert cost(request) == pytest.approx(2 * 1024 * 512 * 3 * 20 / 1e6)
    assert cost(VideoRequest("x")) == 0.0


def test_what_was_asked_for_before_a_restart_still_counts() -> None:
    clock, noted = Clock(), list[tuple[str, float]]()
    meter = Meter(10.0, clock, lambda person, amount: noted.append((person, amount)))
    meter.found([("ada", 3000.0, 6.0), ("ada", 600.0, 3.0), ("bob", 5.0, 1.0)])
    assert meter.used("ada") == 9.0
    with pytest.raises(QueueFull, match="fits in 10 min"):
        meter.take("ada", 4.0)
    meter.take("bob", 4.0)
    meter.take("bob", 0.0)  # what costs nothing
    assert noted == [("bob", 4.0)], "what was refused is not counted, what was found not anew"
    clock.now = 600.0
    assert meter.used("ada") == 3.0

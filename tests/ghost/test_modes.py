"""Every mode on a GPU that is not there: the CPU's pictures, and no step waits for the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import pytest

from backend.contracts.requests import Request
from backend.models.memory.device_space import IN_TURNS
from tests.ghost.alone import ran_alone
from tests.ghost.backend import standing
from tests.ghost.studio import Rig, farthest, library
from tests.ghost.work import WORK, Work, footprint, pad

# Where a mix writes to weights in RAM, and asks how well they were rounded.
CHANGING = {
    "backend/models/lora/layers.py",
    "backend/models/lora/mix.py",
    "backend/models/memory/devices.py",
}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with (
        standing() as machine,
        Rig.over(library(tmp_path_factory.mktemp("models")), machine) as made,
    ):
        yield made


@pytest.mark.parametrize("work", WORK, ids=[work.name for work in WORK])
def test_it_is_the_cpus_picture_and_no_step_waits(
    rig: Rig, work: Work, request: pytest.FixtureRequest
) -> None:
    if work.mode == "morph, fine" and ran_alone(request):
        return
    expected = rig.cpu.draw(work.request)
    drawn = rig.ghosts[work.memory].draw(work.request)
    # The CPU convolves in another layout than a GPU, so the last bit of its sums may differ.
    assert farthest(drawn.pictures, expected.pictures) <= work.tolerance
    waits = {wait.where.split(":")[0] for wait in drawn.in_steps}
    assert waits <= (CHANGING if work.switches else set()), drawn.in_steps
    assert drawn.steps >= 3 or work.mode in ("LoRA pad", "footprint")
    assert rig.machine.problems == []
    told = drawn.status.info.get("notes", [])
    assert (IN_TURNS in told) == (work.memory == "in turns")


@pytest.mark.parametrize("request_of", [pad, footprint])
def test_more_steps_that_nobody_is_shown_wait_for_no_more(
    rig: Rig, request_of: Callable[[int], Request]
) -> None:
    few, many = (rig.ghosts["whole"].draw(request_of(steps)).waits for steps in (3, 6))
    assert len(few) == len(many)


def test_each_two_go_together_somewhere() -> None:
    """Pairwise: whatever two of memory, samples and plain, LoRAs or ControlNet."""
    rows = {
        (work.memory, work.samples, kind) for work in WORK for kind in work.patch.split(" and ")
    }
    values = (("whole", "in turns"), (1, 3), ("plain", "LoRAs", "ControlNet"))
    for one, other in combinations(range(3), 2):
        for a in values[one]:
            for b in values[other]:
                assert any(row[one] == a and row[other] == b for row in rows), (a, b)

"""What looks of the Lab share."""

from __future__ import annotations

from backend.contracts.lab.base import LabSettings
from backend.contracts.lab.latents import LatentsSettings
from backend.contracts.settings import MODES


def test_a_look_takes_one_picture_at_a_time_and_is_no_tab() -> None:
    assert LabSettings(batch_size=4).fewest_together == 1
    assert LabSettings.place == 0
    assert LatentsSettings.mode not in MODES

"""What a stand-in of the Lab shows."""

from __future__ import annotations

import numpy as np

from backend.contracts.lab.latents import LatentsSettings
from backend.engine.fake.lab.seen import shown


def test_a_picture_tells_what_it_was_made_by() -> None:
    output = shown(LatentsSettings(model="m"), 1, np.zeros((8, 8, 3), np.uint8))
    assert (output.index, output.record.mode, output.views) == (1, "lab_latents", {})
    assert output.record.model["name"] == "m"

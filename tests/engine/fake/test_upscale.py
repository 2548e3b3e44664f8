"""What the stand-in makes of a picture that is to become larger."""

from __future__ import annotations

import numpy as np

from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.fake.upscale import frame
from backend.pictures.fit import fit

SOURCE = np.random.default_rng(2).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def asked(**values: object) -> Request:
    size = {"width": 64, "height": 48, "seed": 5}
    return Request(parse("upscale", size | values), {"image": SOURCE})


def test_each_way_is_another_picture_of_that_size() -> None:
    compared = asked(upscaler="sharp", strength=0.5, compare=True)
    made = [frame(compared, place) for place in range(4)]
    assert (made[0] == fit(SOURCE, 64, 48, "crop").image).all()
    assert all(picture.shape == (48, 64, 3) for picture in made)
    assert len({picture.tobytes() for picture in made}) == 4


def test_a_batch_has_a_seed_each() -> None:
    batch = asked(strength=0.5, batch_size=2)
    assert (frame(batch, 0) != frame(batch, 1)).any()

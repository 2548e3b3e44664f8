"""Each cell is the txt2img run of its sampler and steps."""

from __future__ import annotations

import numpy as np

from backend.contracts.lab.samplers import SamplersSettings
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.local.engine import LocalEngine
from backend.pictures.difference import psnr
from tests.modes.lab.looking import SIZE, looked


def test_a_table_is_runs_of_txt2img_with_their_distances(engine: LocalEngine) -> None:
    words = {**SIZE, "prompt": "a boat", "seed": 4}
    settings = SamplersSettings(**words, samplers=("euler", "heun"), counts=(2,), reference_steps=2)
    status = looked(engine, settings)
    assert len(status.outputs) == settings.picture_count
    cells = status.info["lab"]["cells"]
    assert [cell["calls"] for cell in cells] == [2, 3]
    assert (cells[0]["distance"], cells[0]["psnr"]) == (0.0, 99.0)
    alone = looked(engine, Txt2ImgSettings(**words, sampler="heun", schedule="trailing", steps=2))
    assert np.array_equal(status.outputs[2].image, alone.outputs[0].image)
    assert cells[1]["psnr"] == psnr(status.outputs[2].image, status.outputs[0].image)
    assert status.outputs[2].record.extra["compared"] == "heun, 2 steps"

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
    settings = SamplersSettings(
        **words, samplers=("euler", "heun"), counts=(2, 8), reference_steps=8
    )
    status = looked(engine, settings)
    assert len(status.outputs) == settings.picture_count
    cells = status.info["lab"]["cells"]
    assert [cell["calls"] for cell in cells] == [2, 8, 3, 15]
    assert (cells[1]["distance"], cells[1]["psnr"]) == (0.0, 99.0)
    alone = looked(engine, Txt2ImgSettings(**words, sampler="heun", schedule="trailing", steps=8))
    assert np.array_equal(status.outputs[4].image, alone.outputs[0].image)
    assert cells[3]["psnr"] == psnr(status.outputs[4].image, status.outputs[0].image)
    assert status.outputs[4].record.extra["compared"] == "heun, 8 steps"

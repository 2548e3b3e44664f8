"""A picture through a tiny autoencoder: the facts are those of the pictures that come with them."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from backend.contracts.lab.latents import LatentsSettings
from backend.engine.local.engine import LocalEngine
from backend.modes.lab.latents import as_text, differing, in_grey, levels_of
from backend.pictures.difference import psnr
from backend.pictures.fit import fit
from tests.modes.lab.looking import SIZE, looked, picture


def test_it_is_the_codecs_own_reconstruction(engine: LocalEngine) -> None:
    status = looked(engine, LatentsSettings(**SIZE), image=picture())
    (output,) = status.outputs
    found, views = status.info["lab"], output.views
    original = fit(picture(), 64, 64).image
    assert np.array_equal(views["original"], original)
    assert found["psnr"] == psnr(original, output.image)
    assert found["worst"] == np.abs(original.astype(int) - output.image).max()
    channels, height, width = found["shape"]
    assert found["compression"] == round(64 * 64 * 3 / (channels * height * width), 2)
    assert height * found["factor"] == 64
    assert len(found["channels"]) == channels == sum("channel-" in name for name in views)
    assert len(found["levels"]) == 30

    written: Any = output.record.extra["latents"]
    latents = np.frombuffer(base64.b64decode(written["float16"]), "<f2").reshape(written["shape"])
    assert np.allclose(latents[0].min(), found["channels"][0]["least"], atol=2e-3)
    assert not np.array_equal(views["difference"], original)


def test_maps_are_grey_from_the_least_to_the_most() -> None:
    grey = in_grey(torch.tensor([[-1.0, 0.0], [1.0, 3.0]]))
    assert grey[..., 0].tolist() == [[0, 64], [128, 255]]
    assert in_grey(torch.ones(2, 2)).max() == 0
    same = picture()
    assert differing(same, same).shape == same.shape


def test_levels_are_named_as_the_model_knows_them() -> None:
    schedule: Any = SimpleNamespace(
        naming="ve", levels=[3.0, 1.0, 0.0], timesteps=torch.tensor([9.0, 4.0])
    )
    first, second = levels_of(schedule)
    assert (first.timestep, first.ratio) == (9.0, 3.0)
    assert abs(first.alpha**2 + first.sigma**2 - 1) < 1e-4
    assert second.alpha == second.sigma == round(0.5**0.5, 5)
    schedule.naming = "flow"
    first, second = levels_of(schedule)
    assert (first.alpha, first.sigma, second.sigma) == (0.25, 0.75, 0.5)


def test_latents_are_written_in_half_precision() -> None:
    values = torch.arange(4.0).reshape(1, 2, 2)
    told = as_text(values)
    assert told["shape"] == [1, 2, 2]
    assert np.frombuffer(base64.b64decode(str(told["float16"])), "<f2").tolist() == [0, 1, 2, 3]

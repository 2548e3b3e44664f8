"""Noise of a level and one call: the exact answer of a model that is asked once."""

from __future__ import annotations

import numpy as np

from backend.contracts.lab.latents import NoiseAtSettings
from backend.engine.local.engine import LocalEngine
from backend.modes.lab.noise_at import told
from tests.modes.lab.looking import SIZE, looked, picture


def test_less_noise_leaves_more_of_the_picture(engine: LocalEngine) -> None:
    seen = [
        looked(engine, NoiseAtSettings(**SIZE, level=level, seed=5), image=picture())
        for level in (0, 15, 29)
    ]
    noisy = [status.outputs[0].image.astype(float) for status in seen]
    last = noisy[-1]
    apart = [float(np.abs(one - last).mean()) for one in noisy]
    assert apart[0] > apart[1] > apart[2] == 0
    facts = [status.info["lab"] for status in seen]
    sigmas = [one["level"]["sigma"] for one in facts]
    assert sigmas == sorted(sigmas, reverse=True)
    assert facts[1]["level"] == facts[0]["levels"][15]
    assert all(one["calls"] == 1 and one["psnr"] is not None for one in facts)
    assert [output.record.extra["shows"] for output in seen[0].outputs] == ["x_t", "x0"]


def test_noise_alone_stands_at_the_top_whatever_the_level(engine: LocalEngine) -> None:
    one, other = (looked(engine, NoiseAtSettings(**SIZE, level=level, seed=5)) for level in (0, 20))
    assert all(
        np.array_equal(a.image, b.image) for a, b in zip(one.outputs, other.outputs, strict=True)
    )
    assert one.info["lab"]["psnr"] is None
    assert one.info["lab"]["level"] == one.info["lab"]["levels"][0]


def test_words_are_under_guidance_and_cost_two_calls(engine: LocalEngine) -> None:
    plain = looked(engine, NoiseAtSettings(**SIZE, seed=5, level=3), image=picture())
    worded = looked(
        engine,
        NoiseAtSettings(**SIZE, seed=5, level=3, prompt="a boat", guidance_scale=7.0),
        image=picture(),
    )
    assert worded.info["lab"]["calls"] == 2
    assert np.array_equal(plain.outputs[0].image, worded.outputs[0].image)
    assert not np.array_equal(plain.outputs[1].image, worded.outputs[1].image)


def test_without_words_nothing_is_guided() -> None:
    assert told(NoiseAtSettings(guidance_scale=7.0)).guidance_scale == 1.0
    assert told(NoiseAtSettings(guidance_scale=7.0, prompt="a")).guidance_scale == 7.0

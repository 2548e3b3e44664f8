"""What the stand-in counts, draws and records, mode by mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import Settings, parse
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.engine.fake import picture as fake_picture
from backend.engine.fake.run import facts, frame, levels, outputs, run_steps, sigmas

PLAIN: dict[str, Any] = {
    "prompt": "a red house",
    "model": "pocket",
    "seed": 5,
    "steps": 4,
    "width": 64,
    "height": 64,
    "guidance_scale": 4.0,
}
LORAS = [{"name": "ink"}, {"name": "neon"}]
GREY = np.full((64, 64, 3), 90, np.uint8)


def settings(mode: str = "txt2img", **values: Any) -> Settings:
    return parse(mode, PLAIN | values)


def test_levels_fall_evenly_to_nothing() -> None:
    assert levels(settings()) == pytest.approx((14.6, 10.95, 7.3, 3.65, 0.0))
    assert sigmas(settings()) == levels(settings())[1:]


def test_a_second_stage_adds_its_steps_and_their_levels() -> None:
    twice = settings(hires_scale=2.0, hires_denoise=0.5, hires_steps=6)
    assert run_steps(twice) == 4 + 3
    assert len(sigmas(twice)) == run_steps(twice)
    assert sigmas(twice)[:4] == levels(settings())[1:]
    assert sigmas(twice)[4] < 14.6 / 2
    assert sigmas(twice)[-1] == 0.0


def test_from_a_picture_the_strongest_strength_counts() -> None:
    ladder = settings("img2img", strengths=(0.25, 0.75))
    assert run_steps(ladder) == 3
    assert sigmas(ladder) == levels(ladder)[2:]


def test_style_transfer_from_noise_takes_all_steps() -> None:
    assert run_steps(settings("style_transfer", start_from="noise", strength=0.5)) == 4
    assert run_steps(settings("style_transfer", start_from="picture", strength=0.5)) == 2


def test_a_grid_takes_the_steps_of_all_cells() -> None:
    grid = settings("xyz_grid", x_field="steps", x_values="2, 3")
    assert run_steps(grid) == 5


def test_the_end_of_a_run_is_its_picture_and_seeds_count_on() -> None:
    request = Request(settings(batch_size=2))
    for image in (0, 1):
        drawn = fake_picture.draw("a red house", 5 + image, 64, 64)
        assert np.array_equal(frame(request, image, 1.0), drawn)
    assert not np.array_equal(frame(request, 0, 0.5), frame(request, 0, 0.5, "xt"))


def test_strength_says_how_much_of_the_source_stays() -> None:
    request = Request(settings("img2img", strengths=(0.25, 0.75)), {"image": GREY})
    drawn = fake_picture.draw("a red house", 5, 64, 64).astype(float)
    for place, strength in enumerate((0.25, 0.75)):
        wanted = np.rint(GREY + strength * (drawn - GREY))
        assert np.array_equal(frame(request, place, 1.0), wanted.astype(np.uint8))


def test_each_picture_records_what_makes_it_alone() -> None:
    made = outputs(Request(settings(batch_size=2)), made=3)
    assert [output.index for output in made] == [3, 4]
    for place, output in enumerate(made):
        assert output.record.settings["seed"] == 5 + place
        assert output.record.settings["batch_size"] == 1
        assert output.record.model == {"name": "pocket", "hash": "0" * 10}


def test_a_rung_of_a_ladder_records_its_own_strength() -> None:
    request = Request(settings("img2img", strengths=(0.25, 0.75)), {"image": GREY})
    low, high = (output.record for output in outputs(request, 0))
    assert (low.settings["strength"], low.settings["strengths"]) == (0.25, [])
    assert (low.extra["steps"], high.extra["steps"]) == (1, 3)
    assert high.extra["sigma"] == pytest.approx(10.95)


def test_what_is_compared_is_named() -> None:
    mix = settings("lora_mix", loras=LORAS, compare=True)
    made = outputs(Request(mix), 0)
    names = [output.record.extra["compared"] for output in made]
    assert len(set(names)) == len(made) == mix.picture_count > 2
    assert not np.array_equal(made[0].image, made[1].image)


def test_a_pad_draws_every_point_with_one_seed() -> None:
    pad = LoraPadSettings.of(settings("lora_mix", loras=LORAS), grid=3)
    made = outputs(Request(pad), 0)
    assert [output.record.extra["point"] for output in made] == [[x, 0.0] for x in (0, 1, 0.5)]
    assert {output.record.settings["seed"] for output in made} == {5}
    assert all(output.record.settings["steps"] == pad.steps for output in made)


def test_a_footprint_is_shared_evenly() -> None:
    asked = FootprintSettings.of(settings("lora_mix", loras=LORAS))
    told = facts(asked, [])["footprint"]
    assert [(one["name"], one["share"]) for one in told] == [("ink", 0.5), ("neon", 0.5)]
    assert told[0]["shares"] == [0.5] * asked.steps
    assert facts(settings(), []) == {}


def test_style_transfer_measures_how_the_edges_were_kept() -> None:
    request = Request(settings("style_transfer", start_from="noise"), {"image": GREY})
    (output,) = outputs(request, 0)
    assert set(output.views) == {"control", "obedience"}
    assert not output.views["control"].any()  # a grey picture has no edges
    assert 0.0 <= output.record.extra["obedience"]["f1"] <= 1.0

"""A morph over more than two keyframes is its ways one after the other, told as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import MorphSettings, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.modes.morph.chain import parts_of, together
from backend.recipes.metadata import write_png
from backend.recipes.verify import counterpart, inputs_of, open_original, report, request_for
from backend.storage.outputs import Storage
from tests import jobs
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
    )
    yield engine
    engine.close()


def settings(**values: Any) -> MorphSettings:
    return MorphSettings.model_validate(
        {
            "prompt_a": "a cat",
            "prompt_b": "a dog",
            "prompt_c": "a boat",
            "keyframes": 3,
            "model": "tiny",
            "steps": 3,
            "frames": 8,
            "seed": 3,
            "width": 64,
            "height": 64,
            "method": "walk",
            "even": "off",
            **values,
        }
    )


def run(engine: LocalEngine, wanted: MorphSettings, **images: Pixels) -> JobStatus:
    token = ask(engine, Request(wanted, images, save=False))
    status = jobs.ended(engine, token)
    assert status.state == "done", status.error
    return status


def picture(seed: int) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def test_the_ways_share_the_gaps() -> None:
    ways = parts_of(settings())
    assert [way.frames for way in ways] == [5, 4]
    assert [(way.prompt_a, way.prompt_b) for way in ways] == [
        ("a cat", "a dog"),
        ("a dog", "a boat"),
    ]
    assert all(way.keyframes == 2 for way in ways)


def test_a_chain_is_its_ways(engine: LocalEngine) -> None:
    whole = run(engine, settings())
    first = run(engine, settings(keyframes=2, frames=5))
    assert len(whole.outputs) == 8
    for chained, alone in zip(whole.outputs, first.outputs, strict=False):
        assert np.abs(chained.image.astype(int) - alone.image).max() <= 1
    assert [output.index for output in whole.outputs] == list(range(8))
    assert [output.record.extra["frame"] for output in whole.outputs] == list(range(8))
    positions = [output.record.extra["position"] for output in whole.outputs]
    assert positions == sorted(positions)
    assert (positions[0], positions[4], positions[-1]) == (0.0, 0.5, 1.0)
    assert len(whole.info["distances"]) == 7
    assert whole.info["ppl"] == pytest.approx(sum(whole.info["distances"]), abs=1e-5)


def test_its_record_makes_it_again(engine: LocalEngine) -> None:
    whole = run(engine, settings())
    recipe = MorphSettings.model_validate(whole.outputs[5].record.settings)
    assert recipe.keyframes == 3
    again = run(engine, recipe)
    assert np.array_equal(again.outputs[5].image, whole.outputs[5].image)


def test_pictures_are_keyframes_too(engine: LocalEngine) -> None:
    status = run(
        engine,
        settings(method="quick", frames=7),
        image_a=picture(1),
        image_b=picture(2),
        image_c=picture(3),
    )
    assert len(status.outputs) == 7
    told = status.info["reconstruction"]
    assert len(told) == 3
    views = [output.index for output in status.outputs if "end" in output.views]
    assert views == [0, 3, 6]
    pictures = {
        name: picture(number)
        for number, name in enumerate(("image_a", "image_b", "image_c"), start=1)
    }
    frame = status.outputs[5]
    original = open_original(write_png(frame.image, frame.record))
    assert set(inputs_of(original)) == set(pictures)
    with pytest.raises(BadInput, match="another 'image_b'"):
        request_for(original, pictures | {"image_b": picture(9)})
    asked = request_for(original, pictures)
    assert isinstance(asked.settings, MorphSettings)
    again = run(engine, asked.settings, **asked.images)
    found = report(original, counterpart(original, again.outputs))
    assert found.verdict == "The same, bit for bit."
    assert (found.changes, found.unrecorded) == ((), ())


def test_a_missing_keyframe_is_named(engine: LocalEngine) -> None:
    with pytest.raises(BadInput, match="End C is missing"):
        ask(engine, Request(settings(prompt_c=""), {}, save=False))


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(BadInput, match="3 keyframes need at least 5 frames"):
        parse("morph", {"keyframes": 3, "frames": 4})


def test_the_worst_light_is_told() -> None:
    told = [{"compatibility": {"light": light, "sentence": light}} for light in ("green", "amber")]
    assert together(told, 2)["compatibility"]["light"] == "amber"

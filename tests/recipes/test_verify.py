"""Verifying: what is run again, and what is said of the result."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.events import Output, Pixels, Record
from backend.contracts.settings import Img2ImgSettings, MorphSettings, Settings, Txt2ImgSettings
from backend.pictures.difference import difference
from backend.recipes.metadata import write_png
from backend.recipes.verify import counterpart, open_original, report, request_for

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (64, 96, 3), dtype=np.uint8)
INPUT = RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)
DIGEST = hashlib.sha256(INPUT.tobytes()).hexdigest()
FACTS: dict[str, Any] = {
    "studio": "0.1+aaaaaaaa",
    "torch": "2.9.0",
    "diffusers": "0.42.1",
    "device": "cpu",
    "hardware": "a CPU",
    "threads": 2,
    "dtype": "float32",
    "part_hashes": {"vae": "0" * 10},
    "lora_hashes": {"ink": "1" * 64},
    "controlnets": {"edges": "2" * 10},
}


def record(settings: Settings | None = None, **extra: Any) -> Record:
    drawn = settings or Txt2ImgSettings(
        prompt="a house", width=96, height=64, seed=3, guidance_scale=2.5
    )
    return Record(
        drawn.mode, drawn.model_dump(mode="json"), {"name": "pocket", "hash": "0123456789"}, extra
    )


def png(made: Record, image: Pixels = PIXELS) -> bytes:
    return write_png(image, made)


def test_only_equal_pixels_are_the_same_bit_for_bit() -> None:
    original = open_original(png(record(**FACTS)))
    same = report(original, Output(0, PIXELS.copy(), record(**FACTS)))
    assert (same.equal, same.verdict) == (True, "The same, bit for bit.")
    assert (same.changes, same.unrecorded, same.notes) == ((), (), ())
    near = PIXELS.copy()
    near[5, 7, 1] ^= 1
    found = report(original, Output(0, near, record(**FACTS)))
    assert not found.equal
    assert found.difference is not None
    assert found.difference.largest == 1
    assert found.difference.equal_share == 1 - 1 / (64 * 96)
    assert found.verdict == (
        "Not the same: the largest difference is 1 of 255; 99.98 % of the pixels are equal."
    )


def test_a_share_that_is_not_whole_never_reads_as_100() -> None:
    large = np.zeros((2000, 2000, 3), dtype=np.uint8)
    other = large.copy()
    other[0, 0] = (0, 9, 255)
    apart = difference(large, other)
    assert apart.largest == 255
    found = replace(
        report(open_original(png(record())), Output(0, PIXELS, record())), difference=apart
    )
    assert "99.99 %" in found.verdict
    assert not found.to_dict()["equal"]


def test_what_has_changed_is_named() -> None:
    changed = FACTS | {
        "torch": "2.10.0",
        "dtype": "bfloat16",
        "lora_hashes": {"ink": "3" * 64},
        "part_hashes": {"vae": "4" * 10},
        "controlnets": {},
    }
    now = replace(record(**changed), model={"name": "pocket", "hash": "9876543210"})
    found = report(open_original(png(record(**FACTS))), Output(0, PIXELS, now))
    assert found.equal
    told = {change.what: (change.then, change.now) for change in found.changes}
    assert told == {
        "model's weights": ("0123456789", "9876543210"),
        "torch": ("2.9.0", "2.10.0"),
        "precision": ("float32", "bfloat16"),
        "weights of the vae": ("0" * 10, "4" * 10),
        "weights of the LoRA 'ink'": ("1" * 64, "3" * 64),
        "weights of the ControlNet 'edges'": ("2" * 10, None),
    }


def test_an_old_record_says_what_it_does_not_record() -> None:
    found = report(open_original(png(record(device="cpu"))), Output(0, PIXELS, record(**FACTS)))
    assert found.changes == ()
    assert "torch" in found.unrecorded
    assert "device" not in found.unrecorded
    assert found.to_dict()["not_recorded"] == list(found.unrecorded)


def test_another_size_cannot_be_compared() -> None:
    found = report(open_original(png(record())), Output(0, PIXELS[:32], record()))
    assert (found.equal, found.difference) == (False, None)
    assert "96 × 64 px then, 96 × 32 px now" in found.verdict


def test_damaged_facts_do_no_harm() -> None:
    hostile = {
        "torch": {"a": 1},
        "lora_hashes": ["x"],
        "threads": 1e300,
        "frame": "x",
        "part_hashes": {"x" * 5000: "y" * 5000},
        "drawn_together": "many",
    }
    original = open_original(png(record()))
    original = replace(original, record=replace(original.record, extra=hostile))
    found = report(original, Output(0, PIXELS, record(**FACTS)))
    assert all(len(change.what) < 200 for change in found.changes)
    assert counterpart(original, [Output(0, PIXELS, record())]).index == 0


def test_a_run_of_several_and_a_branch_explain_a_difference() -> None:
    notes = report(
        open_original(png(record(drawn_together=4, branched_at=7))), Output(0, PIXELS, record())
    ).notes
    assert "4 in its run" in notes[0]
    assert "step 7" in notes[1]


def test_foretold_steps_are_told() -> None:
    def notes(**values: object) -> tuple[str, ...]:
        known = record()
        told = replace(known, settings=known.settings | values)
        return report(open_original(png(told)), Output(0, PIXELS, told)).notes

    (said,) = notes(forecast="fit", forecast_share=0.3)
    assert said.startswith("About 30 % of its steps were foretold from those before")
    assert notes() == ()


def test_the_run_asks_for_the_record_and_saves_nothing() -> None:
    asked = request_for(open_original(png(record())), {"image": INPUT})
    assert asked.settings.model_dump(mode="json") == record().settings
    assert (asked.save, asked.images) == (False, {})


def from_picture(**extra: Any) -> bytes:
    settings = Img2ImgSettings(prompt="a house", width=96, height=64, seed=3, guidance_scale=2.5)
    return png(record(settings, **extra))


def test_missing_and_other_inputs_are_named() -> None:
    original = open_original(from_picture(image_sha256=DIGEST, mask_sha256=DIGEST))
    with pytest.raises(BadInput, match="'image' and 'mask' are missing"):
        request_for(original, {})
    with pytest.raises(BadInput, match="'mask' is missing"):
        request_for(original, {"image": INPUT})
    with pytest.raises(BadInput, match="made from another 'image'"):
        request_for(original, {"image": PIXELS, "mask": INPUT})
    asked = request_for(original, {"image": INPUT, "mask": INPUT, "control_image": PIXELS})
    assert set(asked.images) == {"image", "mask"}


def test_a_mask_that_the_record_does_not_name_is_left_out() -> None:
    original = open_original(from_picture(image_sha256=DIGEST))
    assert set(request_for(original, {"image": INPUT, "mask": INPUT}).images) == {"image"}


def test_an_old_record_without_hashes_takes_what_is_given_and_says_so() -> None:
    original = open_original(from_picture())
    with pytest.raises(BadInput, match="does not hold the pictures"):
        request_for(original, {})
    assert set(request_for(original, {"image": INPUT}).images) == {"image"}
    assert "does not say which pictures" in report(original, Output(0, PIXELS, record())).notes[0]


def test_a_frame_is_held_against_its_own_place() -> None:
    settings = MorphSettings(
        prompt_a="a",
        prompt_b="b",
        width=96,
        height=64,
        seed=3,
        frames=4,
        guidance_scale=1.0,
        method="walk",
    )
    outputs = [Output(i, PIXELS, record(settings, frame=i)) for i in range(4)]
    original = open_original(png(record(settings, frame=2)))
    assert counterpart(original, outputs).index == 2
    with pytest.raises(BadInput, match="picture 3 of its run; now the run made 2"):
        counterpart(original, outputs[:2])


@pytest.mark.parametrize("part", ["stage", "loop"])
def test_of_a_run_that_makes_what_came_before_the_picture_of_its_number_is_meant(part: str) -> None:
    outputs = [Output(number - 1, PIXELS, record(**{part: number})) for number in (1, 2)]
    original = open_original(png(record(**{part: 2})))
    assert counterpart(original, outputs).index == 1
    with pytest.raises(BadInput, match="picture 1 of its run; now the run made 0"):
        counterpart(original, outputs[:1])
    first = open_original(png(record(**{part: 1})))
    assert counterpart(first, [Output(0, PIXELS, record())]).index == 0  # made by itself


def test_what_cannot_be_verified_is_refused() -> None:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0a house\nSteps: 7, Sampler: Euler, Seed: 5"
    Image.fromarray(PIXELS).save(stream, "jpeg", exif=exif)
    with pytest.raises(BadInput, match="Only a PNG"):
        open_original(stream.getvalue())
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "png")
    with pytest.raises(BadInput, match="no settings"):
        open_original(stream.getvalue())
    unseeded = Txt2ImgSettings(prompt="a house", width=96, height=64)
    with pytest.raises(BadInput, match="does not say the seed"):
        open_original(png(record(unseeded)))


def test_a_record_that_names_nothing_is_not_called_unchanged() -> None:
    found = report(open_original(png(record())), Output(0, PIXELS, record()))
    assert {"studio", "torch", "diffusers", "device", "precision"} <= set(found.unrecorded)

"""What `/sdapi/v1` answers, beside the routes: results with their texts."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
from PIL import Image

from backend.contracts.capabilities import Capabilities, Enlarging
from backend.contracts.events import JobStatus, Output, Progress, Record
from backend.contracts.library import Library, ModelEntry, UpscalerEntry
from backend.contracts.settings import Txt2ImgSettings
from ui.sdapi.answers import modules, result, upscalers

SETTINGS = Txt2ImgSettings(
    prompt="a red house", seed=7, width=64, height=64, guidance_scale=4.0
).model_dump(mode="json")


def output(index: int) -> Output:
    settings = SETTINGS | {"seed": 7 + index}
    record = Record("txt2img", settings, {"name": "pocket", "hash": "abc"})
    return Output(index, np.full((8, 16, 3), 50 * index, np.uint8), record)


def test_pictures_come_with_their_texts_in_order() -> None:
    status = JobStatus("token", "done", 0, Progress("done"), outputs=(output(0), output(1)))
    sent = {"prompt": "a red house", "init_images": ["..."], "mask": "...", "steps": 3}
    answer = result([status], sent, images=True)
    for number, text in enumerate(answer["images"]):
        with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
            assert picture.size == (16, 8)
            assert np.asarray(picture)[0, 0, 0] == 50 * number
            assert f"Seed: {7 + number}" in picture.info["parameters"]
    assert answer["parameters"] == {"prompt": "a red house", "steps": 3}
    info = json.loads(answer["info"])
    assert (info["all_seeds"], info["width"], info["height"]) == ([7, 8], 16, 8)
    assert (info["sd_model_name"], info["sampler_name"]) == ("pocket", "DPM++ 2M")
    assert (info["job"], info["interrupted"]) == ("token", False)
    assert all("a red house" in text for text in info["infotexts"])


def test_pictures_are_left_out_where_asked_for_and_a_stop_is_said() -> None:
    status = JobStatus("token", "stopped", 0, Progress("done"), outputs=(output(0),))
    answer = result([status], {}, images=False)
    assert answer["images"] == []
    assert json.loads(answer["info"])["interrupted"]


def test_a_job_without_pictures_answers_too() -> None:
    info = json.loads(
        result([JobStatus("token", "stopped", 0, Progress("done"))], {}, images=True)["info"]
    )
    assert (info["seed"], info["width"], info["batch_size"]) == (None, None, 0)


def test_modules_are_named_as_the_field_does() -> None:
    assert modules()[0] == "none"
    assert "canny" in modules()
    assert "identity" not in modules()


def test_diffusion_upscalers_are_listed_after_those_of_one_pass() -> None:
    models = (ModelEntry("pocket"), ModelEntry("pocket-x4", can=Capabilities(enlarges=Enlarging())))
    listed = upscalers(Library(models, {}, upscalers=(UpscalerEntry("sharp", scale=2),)))
    assert [(one["name"], one["scale"]) for one in listed] == [
        ("None", 4),
        ("Lanczos", 4),
        ("sharp", 2),
        ("pocket-x4", 4),
    ]

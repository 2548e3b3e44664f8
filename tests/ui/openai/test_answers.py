"""What `/v1` answers."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput, LoomError, OutOfMemory, QueueFull, UnknownName
from backend.contracts.events import Output, Record
from backend.contracts.library import Library, ModelEntry
from backend.recipes.metadata import read
from ui.openai import answers
from ui.openai.payloads import Format, Generation

OUTPUT = Output(0, np.full((16, 32, 3), 90, np.uint8), Record("txt2img", {"prompt": "a boat"}, {}))


def test_models_that_can_be_used() -> None:
    library = Library((ModelEntry("pocket"), ModelEntry("broken", problem="cut off")), {})
    told = answers.models(library, 5)
    assert told["object"] == "list"
    assert told["data"] == [
        {"id": "pocket", "object": "model", "created": 5, "owned_by": "latent-loom"}
    ]


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_picture_is_of_the_kind_that_was_asked_for(kind: Format) -> None:
    data = answers.encoded(OUTPUT, kind, 80)
    assert answers.size_of(data) == (32, 16)
    assert Image.open(io.BytesIO(data)).format == kind.upper()
    seen = answers.previewed(answers.encoded(OUTPUT, "jpeg"), kind)
    assert Image.open(io.BytesIO(seen)).format == kind.upper()


def test_a_png_carries_its_record() -> None:
    assert read(answers.encoded(OUTPUT, "png")).settings["prompt"] == "a boat"


def test_compression_is_that_of_the_file() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    output = Output(0, noise, OUTPUT.record)
    sizes = [len(answers.encoded(output, "jpeg", quality)) for quality in (0, 50, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


def test_what_is_told_beside() -> None:
    told = answers.about(Generation(prompt="a", quality="high", output_format="webp"), 32, 16)
    assert (told["size"], told["quality"], told["output_format"]) == ("32x16", "high", "webp")


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (UnknownName("x", "model"), 404, "model_not_found"),
        (BadInput("x", "size"), 400, "invalid_value"),
        (QueueFull("x"), 429, "rate_limit_exceeded"),
        (OutOfMemory("x"), 400, None),
    ],
)
def test_refusals(failure: LoomError, status: int, code: str | None) -> None:
    found, body = answers.refusal(failure)
    assert (found, body["error"]["code"], body["error"]["message"]) == (status, code, "x")
    assert answers.unauthorized("Unauthorized", "x")["error"]["code"] == "invalid_api_key"

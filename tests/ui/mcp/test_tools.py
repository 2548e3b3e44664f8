"""What agents are told, and requests out of what they send."""

from __future__ import annotations

import base64
import io
from typing import Any

import jsonschema
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.library import Library, LoraEntry, ModelEntry
from backend.contracts.settings import MODES, Img2ImgSettings
from backend.sampling.samplers import ENTRIES
from ui.mcp.tools import FURTHER, LISTS, about, lists, names, request, schema


def coded(mode: str = "RGB") -> str:
    stream = io.BytesIO()
    Image.new(mode, (64, 64), 255).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


@pytest.mark.parametrize("name", names())
def test_each_mode_is_a_tool_with_a_schema(name: str) -> None:
    told = schema(name)
    jsonschema.Draft202012Validator.check_schema(told)
    assert about(name)
    if name == LISTS:
        return
    settings = MODES[name]
    further = set(told["properties"][FURTHER]["properties"])
    offered = set(told["properties"]) - {FURTHER} | further
    assert offered == set(settings.model_fields) - {"templates"} | set(settings.pictures)
    assert not further & set(told["properties"])
    # What it takes by itself is what the schema lets through.
    jsonschema.validate({"prompt": "a boat"} if "prompt" in told["properties"] else {}, told)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"wat": 1}, told)


def test_settings_and_pictures() -> None:
    sent = {"prompt": "a boat", "strength": 0.4, "image": coded(), "mask": coded("L"),
            FURTHER: {"clip_skip": 2}}  # fmt: skip
    made = request("img2img", sent)
    assert isinstance(made.settings, Img2ImgSettings)
    assert (made.settings.prompt, made.settings.strength, made.settings.clip_skip) == (
        "a boat",
        0.4,
        2,
    )
    assert {name: picture.shape for name, picture in made.images.items()} == {
        "image": (64, 64, 3),
        "mask": (64, 64, 3),
    }
    assert not made.save


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"image": "/etc/passwd"}, "image"),
        ({"image": "file:///etc/passwd"}, "image"),
        ({"image": "http://127.0.0.1/x.png"}, "image"),
        ({"image": {"path": "/etc/passwd"}}, "image"),
        ({"image": base64.b64encode(b"/etc/passwd").decode()}, "image"),
        ({"wat": 1}, "wat"),
        ({FURTHER: {"wat": 1}}, "wat"),
        ({FURTHER: 3}, FURTHER),
        ({"prompt": "a", FURTHER: {"prompt": "b"}}, FURTHER),
        ({"steps": "many"}, "steps"),
    ],
)
def test_paths_addresses_and_what_is_no_argument_are_refused(
    arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        request("img2img", arguments)
    assert refused.value.field == field


def test_a_clip_is_read_out_of_its_bytes() -> None:
    frames = [Image.new("RGB", (64, 64), (n * 60, 0, 0)) for n in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=100)
    made = request(
        "clip", {"prompt": "a boat", "clip": base64.b64encode(stream.getvalue()).decode()}
    )
    assert len(made.images) == 3


def test_the_lists_hold_what_can_be_used() -> None:
    library = Library(
        (ModelEntry("pocket", native_size=(256, 256)), ModelEntry("broken", problem="cut off")),
        ENTRIES,
        loras=(LoraEntry("ink"), LoraEntry("bad", problem="cut off")),
    )
    told = lists(library)
    assert [one["name"] for one in told["models"]] == ["pocket"]
    assert told["loras"] == ["ink"]
    assert "dpmpp_2m" in told["samplers"]

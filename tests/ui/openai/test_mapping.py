"""Requests of OpenAI's shape become ours."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from backend.contracts.capabilities import Capabilities, SizeGrid
from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.library import Library, ModelEntry
from backend.contracts.settings import Img2ImgSettings, Txt2ImgSettings
from ui.openai.mapping import Sent, apart, edit, generation, variation
from ui.openai.payloads import Edit, Generation, Variation

GRID = SizeGrid(step_px=16, least_px=64, most_px=2048)
LIBRARY = Library(
    (
        ModelEntry("pocket", native_size=(256, 256), sizes=GRID, can=Capabilities(steps=12)),
        ModelEntry("editor", native_size=(256, 256), sizes=GRID, can=Capabilities(edits=True)),
        ModelEntry("broken", problem="cut off"),
    ),
    {},
)


def picture(mode: str = "RGB", size: tuple[int, int] = (128, 64), hole: bool = False) -> Sent:
    image = Image.new(mode, size, (200, 10, 10, 255) if mode == "RGBA" else (200, 10, 10))
    if hole:
        image.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return Sent("image", stream.getvalue())


def test_a_picture_from_words() -> None:
    made = generation(Generation(prompt="a boat", n=3, seed=7, negative_prompt="fog"), LIBRARY)
    settings = made.settings
    assert isinstance(settings, Txt2ImgSettings)
    assert (settings.prompt, settings.negative_prompt, settings.seed) == ("a boat", "fog", 7)
    assert (settings.model, settings.batch_size, settings.steps) == ("pocket", 3, 12)
    assert (settings.width, settings.height, made.save) == (256, 256, False)
    odd = generation(Generation(prompt="a", size="250x130"), LIBRARY).settings
    assert (odd.width, odd.height) == (256, 144)


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({"quality": "low"}, 6),
        ({"quality": "medium"}, 12),
        ({"quality": "high"}, 24),
        ({"quality": "hd", "steps": 5}, 5),
        ({"model": "editor", "quality": "low"}, 10),
    ],
)
def test_quality_is_steps_of_what_the_model_recommends(
    values: dict[str, object], steps: int
) -> None:
    sent = Generation.model_validate({"prompt": "a"} | values)
    assert generation(sent, LIBRARY).settings.steps == steps


@pytest.mark.parametrize("name", ["dall-e-3", "broken"])
def test_a_model_that_is_not_here_is_no_other_one(name: str) -> None:
    with pytest.raises(UnknownName, match="there are: pocket, editor") as refused:
        generation(Generation(prompt="a", model=name), LIBRARY)
    assert refused.value.field == "model"


def test_what_is_transparent_in_the_mask_is_painted() -> None:
    mask = picture("RGBA", hole=True)
    made = edit(Edit(prompt="a boat"), [picture()], mask, LIBRARY)
    assert isinstance(made.settings, Img2ImgSettings)
    assert made.settings.strength == 0.75
    assert made.images["mask"][:, :64].min() == 255
    assert made.images["mask"][:, 64:].max() == 0
    # Its own transparent part, where there is no mask; a model that edits finds the place itself.
    own = edit(Edit(prompt="a boat"), [picture("RGBA", hole=True)], None, LIBRARY)
    assert np.array_equal(own.images["mask"], made.images["mask"])
    told = Edit(prompt="a boat", model="editor")
    assert "mask" not in edit(told, [picture("RGBA", hole=True)], None, LIBRARY).images
    assert "mask" not in edit(Edit(prompt="a boat"), [picture()], None, LIBRARY).images
    with pytest.raises(BadInput, match="no transparent part"):
        edit(Edit(prompt="a boat"), [picture()], picture("RGBA"), LIBRARY)


def test_the_size_is_that_of_the_picture_brought_to_the_models() -> None:
    made = variation(Variation(), [picture(size=(800, 200))], LIBRARY).settings
    assert isinstance(made, Img2ImgSettings)
    assert (made.width, made.height, made.strength, made.prompt) == (512, 128, 0.5, "")
    exact = variation(Variation(size="128x64", strength=0.2), [picture()], LIBRARY).settings
    assert (exact.width, exact.height) == (128, 64)


@pytest.mark.parametrize("count", [0, 2])
def test_one_picture_is_taken(count: int) -> None:
    with pytest.raises(BadInput, match="send one as 'image'"):
        edit(Edit(prompt="a"), [picture()] * count, None, LIBRARY)


def test_pictures_apart_have_the_seeds_of_the_batch() -> None:
    made = generation(Generation(prompt="a", n=3, seed=7), LIBRARY)
    assert [one.settings.seed for one in apart(made)] == [7, 8, 9]
    assert {one.settings.batch_size for one in apart(made)} == {1}
    drawn = generation(Generation(prompt="a", n=2), LIBRARY)
    assert [one.settings.seed for one in apart(drawn)] == [-1, -1]

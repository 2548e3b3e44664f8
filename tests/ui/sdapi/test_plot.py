"""A1111's X/Y/Z plot as a grid of ours."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.settings import XyzGridSettings
from ui.sdapi.mapping import img2img, txt2img
from ui.sdapi.payloads import Img2Img, Txt2Img
from ui.sdapi.plot import IMG2IMG, TXT2IMG, grid, includes_cells, is_plot

OPTIONS: dict[str, Any] = {"sd_model_checkpoint": "pocket"}
MODELS = ("pocket", "big, one")


def plot(*args: Any, **values: Any) -> XyzGridSettings:
    sent = Txt2Img(script_name="X/Y/Z Plot", script_args=list(args), prompt="a red cat", **values)
    assert is_plot(sent)
    made = grid(txt2img(sent, OPTIONS, models=MODELS), sent, MODELS).settings
    assert isinstance(made, XyzGridSettings)
    return made


def axis(label: str) -> int:
    return TXT2IMG.index(label)


def test_axes_by_number_with_text_and_with_lists() -> None:
    made = plot(
        axis("Steps"), "4-8 (+2)", "", axis("Sampler"), "", ["Euler", "Heun"], 0, "", "",
        True, False, False, False, steps=3, cfg_scale=5,
    )  # fmt: skip
    assert (made.x_field, made.x_values) == ("steps", "4-8 (+2)")
    assert (made.y_field, made.y_values) == ("sampler", "Euler, Heun")
    assert (made.z_field, made.base_mode, made.guidance_scale) == ("", "txt2img", 5)
    assert len(made.axes[0]) == 3


def test_axes_by_name() -> None:
    made = plot("Prompt S/R", "cat, dog", None, "Checkpoint name", "", ["pocket.safetensors [a1]"])
    assert (made.x_field, made.y_field, made.y_values) == ("prompt_sr", "model", "pocket")


def test_a_name_with_a_comma_stays_one() -> None:
    made = plot("Checkpoint name", "", ["pocket"])
    assert made.x_values == "pocket"


def test_denoising_is_the_modes_own() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "PNG")
    sent = Img2Img(
        init_images=[base64.b64encode(stream.getvalue()).decode()],
        script_name="x/y/z plot",
        script_args=[IMG2IMG.index("Denoising"), "0.3, 0.6", ""],
    )
    made = grid(img2img(sent, OPTIONS), sent, MODELS)
    assert made.settings.model_dump()["x_field"] == "strength"
    assert set(made.images) == {"image"}


def test_whether_cells_are_wanted_too() -> None:
    base = [0, "", ""] * 3
    assert includes_cells(Txt2Img(script_args=[*base, "True", "True", "False"]))
    assert not includes_cells(Txt2Img(script_args=[*base, True, False]))
    assert not includes_cells(Txt2Img(script_args=[]))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "no axis"),
        ([0, "", ""], "no axis"),
        ([99, "1", ""], "no axis number 99"),
        ([TXT2IMG.index("Styles"), "a", ""], "'Styles' is not available"),
        ([{}, "a", ""], "its place in the list"),
        ([axis("Steps"), "many", ""], "X: "),
    ],
)
def test_what_cannot_be_is_said(args: list[Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        plot(*args)

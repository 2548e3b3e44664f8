"""A1111's payloads become our requests; what cannot be kept is refused by its field."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.pictures.budget import REQUEST_BYTES, Budget
from ui.sdapi.mapping import img2img, single_image, txt2img
from ui.sdapi.payloads import Img2Img, SingleImage, Txt2Img
from ui.sdapi.preparing import model_name

OPTIONS: dict[str, Any] = {"sd_model_checkpoint": "pocket.safetensors [abc123]"}


def encoded(colour: tuple[int, int, int] = (10, 200, 30), size: tuple[int, int] = (64, 48)) -> str:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def unit(**values: Any) -> dict[str, Any]:
    return {"ControlNet": {"args": [{"image": encoded(), "module": "canny", **values}]}}


def test_a_prompt_with_its_settings() -> None:
    sent = Txt2Img(
        prompt="a red house",
        sampler_name="Euler a",
        cfg_scale=5.5,
        width=256,
        height=192,
        seed=9,
        subseed=4,
        subseed_strength=0.2,
    )
    settings = txt2img(sent, OPTIONS).settings
    told = settings.model_dump()
    assert settings.mode == "txt2img"
    assert told["model"] == "pocket"
    assert (told["sampler"], told["schedule"]) == ("euler_a", "model")
    assert (told["guidance_scale"], told["width"], told["height"]) == (5.5, 256, 192)
    assert (told["seed"], told["variation_seed"], told["variation_strength"]) == (9, 4, 0.2)


def test_hires_fix() -> None:
    sent = Txt2Img(enable_hr=True, hr_scale=1.5, hr_upscaler="Lanczos", denoising_strength=0.3)
    told = txt2img(sent, OPTIONS).settings.model_dump()
    assert (told["hires_scale"], told["hires_upscaler"], told["hires_denoise"]) == (
        1.5,
        "lanczos",
        0.3,
    )


def test_seamless_pictures() -> None:
    assert txt2img(Txt2Img(tiling=True), OPTIONS).settings.tiling == "both"
    assert txt2img(Txt2Img(), OPTIONS).settings.tiling == "off"


def test_a_picture_that_is_edited() -> None:
    sent = Img2Img(init_images=[encoded()], image_cfg_scale=2.5)
    assert img2img(sent, OPTIONS).settings.model_dump()["image_guidance"] == 2.5
    plain = img2img(Img2Img(init_images=[encoded()]), OPTIONS).settings
    assert "image_guidance" not in plain.model_dump()


def test_a_picture_and_its_mask() -> None:
    sent = Img2Img(
        init_images=["data:image/png;base64," + encoded()],
        mask=encoded((255, 255, 255)),
        mask_blur=6,
        inpainting_fill=2,
        inpaint_full_res=True,
        resize_mode=2,
        denoising_strength=0.5,
    )
    request = img2img(sent, OPTIONS)
    told = request.settings.model_dump()
    assert request.settings.mode == "img2img"
    assert np.array_equal(request.images["image"][0, 0], (10, 200, 30))
    assert set(request.images) == {"image", "mask"}
    assert (told["strength"], told["mask_blur"], told["masked_content"]) == (0.5, 6, "latent_noise")
    assert (told["only_masked"], told["resize_mode"]) == (True, "pad")


def test_a_controlnet_unit_makes_it_style_transfer() -> None:
    request = txt2img(Txt2Img(alwayson_scripts=unit(weight=0.7, threshold_a=50)), OPTIONS)
    told = request.settings.model_dump()
    assert request.settings.mode == "style_transfer"
    assert (told["detector"], told["canny_low"], told["canny_high"]) == ("canny", 50, 200)
    assert (told["control_scale"], told["start_from"]) == (0.7, "noise")
    assert set(request.images) == {"image"}


def test_several_units_are_several_controls() -> None:
    units = [
        {"image": encoded(), "module": "canny", "model": "edges", "weight": 0.7},
        {"image": encoded(), "module": "none", "model": "depth [ab12]", "guidance_end": 0.5},
    ]
    sent = Txt2Img(alwayson_scripts={"ControlNet": {"args": units}})
    request = txt2img(sent, OPTIONS)
    told = request.settings.model_dump()
    assert [(use["name"], use["weight"], use["end"]) for use in told["controls"]] == [
        ("edges", 0.7, 1.0),
        ("depth", 1.0, 0.5),
    ]
    assert (told["width"], told["height"], told["start_from"]) == (64, 64, "noise")
    assert {use["image"] for use in told["controls"]} == set(request.images)
    assert {pixels.shape for pixels in request.images.values()} == {(64, 64, 3)}
    from_picture = Img2Img(
        init_images=[encoded()], width=128, height=64, alwayson_scripts={"ControlNet": {"args":
        [{**units[0], "image": ""}, units[1]]}},
    )  # fmt: skip
    made = img2img(from_picture, OPTIONS)
    assert made.images["control_1"].shape == (64, 128, 3)
    del units[1]["model"]
    with pytest.raises(BadInput, match="unit 2 names no model"):
        txt2img(
            sent.model_copy(update={"alwayson_scripts": {"ControlNet": {"args": units}}}), OPTIONS
        )


def test_a_diffusion_upscaler_is_called_by_its_name() -> None:
    sent = SingleImage(image=encoded(), upscaler_1="Pocket-X4", upscaling_resize=4.0)
    told = single_image(sent, ("sharp", "pocket-x4")).settings.model_dump()
    assert (told["upscaler"], told["factor"], told["prompt"]) == ("pocket-x4", 4.0, "")
    with pytest.raises(BadInput, match="use Lanczos, or sharp"):
        single_image(sent, ("sharp",))


def test_a_unit_without_preprocessor_is_used_as_it_is() -> None:
    request = txt2img(Txt2Img(alwayson_scripts=unit(module="none")), OPTIONS)
    assert set(request.images) == {"control_image"}


def test_a_unit_beside_a_picture_is_detected_at_the_size_that_is_drawn() -> None:
    sent = Img2Img(init_images=[encoded()], width=128, height=64, alwayson_scripts=unit())
    request = img2img(sent, OPTIONS)
    assert set(request.images) == {"image", "control_image"}
    assert request.images["control_image"].shape == (64, 128, 3)


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        (Txt2Img(sampler_name="Restart"), "sampler_name", "no sampler 'Restart'"),
        (Txt2Img(enable_hr=True, hr_upscaler="ESRGAN"), "hr_upscaler", "Latent or Lanczos"),
        (Txt2Img(alwayson_scripts={"ADetailer": {"args": [{}]}}), "alwayson_scripts", "ADetailer"),
        (Txt2Img(alwayson_scripts=unit(module="zoe")), "alwayson_scripts", "no preprocessor"),
        (Txt2Img(alwayson_scripts=unit(weight="much")), "alwayson_scripts", "weight"),
        (Txt2Img(alwayson_scripts=unit(image="")), "alwayson_scripts", "has no image"),
        (Txt2Img(enable_hr=True, alwayson_scripts=unit()), "enable_hr", "do not go together"),
    ],
)
def test_what_cannot_be_kept_is_refused(sent: Txt2Img, field: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        txt2img(sent, OPTIONS)
    assert refused.value.field == field


def test_all_pictures_of_a_call_are_taken_from_one_budget() -> None:
    values = {"init_images": [encoded()], "mask": encoded(), "alwayson_scripts": unit()}
    sent = Img2Img.model_validate(values | {"width": 64, "height": 64})
    budget = Budget()
    img2img(sent, OPTIONS, budget=budget)
    taken = REQUEST_BYTES - budget.left_bytes
    with pytest.raises(BadInput, match="fewer or smaller"):
        img2img(sent, OPTIONS, budget=Budget(taken - 1))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (Txt2Img(width=100_000, height=100_000, alwayson_scripts=unit()), "too large"),
        (Txt2Img(width=-1, height=64, alwayson_scripts=unit()), "too large, or none"),
        (
            Txt2Img(alwayson_scripts={"controlnet": {"args": [{"model": "x"}] * 5}}),
            "4 ControlNet units",
        ),
    ],
)
def test_a_units_picture_is_not_made_larger_than_any_may_be(sent: Txt2Img, said: str) -> None:
    from_picture = Img2Img.model_validate(sent.model_dump() | {"init_images": [encoded()]})
    with pytest.raises(BadInput, match=said):
        img2img(from_picture, OPTIONS)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "init_images"),
        ({"init_images": []}, "init_images"),
        ({"init_images": [encoded(), encoded()]}, "init_images"),
        ({"init_images": ["http://example.com/a.png"]}, "init_images"),
        ({"init_images": [base64.b64encode(b"no picture").decode()]}, "init_images"),
        ({"init_images": [encoded()], "resize_mode": 3}, "resize_mode"),
        ({"init_images": [encoded()], "mask": encoded(), "inpainting_fill": 3}, "inpainting_fill"),
    ],
)
def test_pictures_that_cannot_be_used_are_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        img2img(Img2Img.model_validate(values), OPTIONS)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "title", ["pocket", "pocket.safetensors", "pocket.safetensors [abc]", "pocket [abc]"]
)
def test_a_title_holds_the_models_name(title: str) -> None:
    assert model_name(title) == "pocket"

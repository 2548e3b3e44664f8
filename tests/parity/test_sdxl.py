"""SDXL against diffusers' StableDiffusionXL pipelines: same folder, seed, sampler and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionXLControlNetImg2ImgPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import (
    Img2ImgSettings,
    LoraMixSettings,
    Settings,
    StyleTransferSettings,
    Txt2ImgSettings,
)
from backend.control.canny import Canny
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests import lora_files as files
from tests.parity.test_img2img import box_mask, scene
from tests.parity.test_txt2img import CLASSES, SCHEDULE_OPTIONS, assert_equal
from tests.tiny import tiny_sdxl
from tests.tiny_control import house, tiny_controlnet

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers"),
    pytest.mark.filterwarnings("ignore::FutureWarning:diffusers"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
STEPS = 6
SAMPLERS = [("ddim", "model"), ("euler", "model"), ("dpmpp_2m", "karras")]


class Side:
    """A folder with a ControlNet and a LoRA, driven by our engine and by the pipelines."""

    def __init__(self, root: Path, data: Path) -> None:
        self.root = root
        self.engine = LocalEngine.create(
            [root], Storage(data), device="cpu", dtype="float32", preview="off", warm_up=None
        )
        self.plain = StableDiffusionXLPipeline.from_pretrained(root / "checkpoints" / "xl")
        self.config = self.plain.scheduler.config
        parts = self.plain.components
        parts.pop("force_zeros_for_empty_prompt", None)
        net = ControlNetModel.from_pretrained(root / "controlnet" / "tiny-canny")
        self.picture = StableDiffusionXLImg2ImgPipeline(**parts)
        self.masked = StableDiffusionXLInpaintPipeline(**parts)
        self.edges = StableDiffusionXLControlNetPipeline(**parts, controlnet=net)
        self.style = StableDiffusionXLControlNetImg2ImgPipeline(**parts, controlnet=net)

    def ours(self, settings: Settings, **images: Pixels) -> np.ndarray:
        token = ask(self.engine, Request(settings, images, save=False))
        status = jobs.ended(self.engine, token, 300.0)
        assert status.state == "done", status.error
        return np.stack([output.image for output in status.outputs])

    def theirs(self, pipe: Any, settings: Settings, **inputs: Any) -> np.ndarray:
        cls, options = CLASSES[settings.sampler]
        pipe.scheduler = cls.from_config(
            self.config, **options, **SCHEDULE_OPTIONS[settings.schedule]
        )
        pipe.set_progress_bar_config(disable=True)
        count = settings.batch_size
        negative = [settings.negative_prompt] * count if settings.negative_prompt else None
        made = pipe(
            [settings.prompt] * count,
            negative_prompt=negative,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance_scale,
            generator=[
                torch.Generator("cpu").manual_seed(settings.image_seed(i)) for i in range(count)
            ],
            **inputs,
        ).images
        return np.stack([np.asarray(image) for image in made])


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_sdxl(root / "checkpoints" / "xl")
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny", seed=1)
    made = Side(root, tmp_path_factory.mktemp("data"))
    parts = {name: getattr(made.plain, name) for name in ("unet", "text_encoder", "text_encoder_2")}
    factors = files.random_factors(parts, (*files.ATTENTION, *files.TEXT), seed=4, size=2.0)
    files.write(root / "loras" / "both.safetensors", files.diffusers_keys(factors))
    made.engine.library(refresh=True)
    yield made
    made.engine.close()


def values(**changes: Any) -> dict[str, Any]:
    return {
        "prompt": "a red house on grass",
        "negative_prompt": "blue",
        "model": "xl",
        "sampler": "ddim",
        "schedule": "model",
        "steps": STEPS,
        "guidance_scale": 4.0,
        "width": 64,
        "height": 64,
        "seed": 11,
        **changes,
    }


@pytest.mark.parametrize(("sampler", "schedule"), SAMPLERS)
@pytest.mark.parametrize("negative", ["", "blue"])
def test_txt2img(side: Side, sampler: str, schedule: str, negative: str) -> None:
    settings = Txt2ImgSettings.model_validate(
        values(
            sampler=sampler,
            schedule=schedule,
            negative_prompt=negative,
            batch_size=2,
            width=96,
        )
    )
    theirs = side.theirs(side.plain, settings, width=96, height=64)
    assert_equal(side.ours(settings), theirs)


def test_an_empty_negative_prompt_is_the_empty_text_where_the_index_says_so(
    tmp_path: Path,
) -> None:
    root = tmp_path / "models"
    folder = tiny_sdxl(root / "checkpoints" / "xl", zero_empty=False)
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny")
    side = Side(root, tmp_path / "data")
    settings = Txt2ImgSettings.model_validate(values(negative_prompt=""))
    embedded = side.theirs(side.plain, settings, width=64, height=64)
    try:
        assert_equal(side.ours(settings), embedded)
    finally:
        side.engine.close()


def test_clip_skip_counts_from_the_penultimate_layer(side: Side) -> None:
    settings = Txt2ImgSettings.model_validate(values(clip_skip=2, negative_prompt=""))
    theirs = side.theirs(side.plain, settings, width=64, height=64, clip_skip=1)
    assert_equal(side.ours(settings), theirs)


@pytest.mark.parametrize(("sampler", "schedule"), SAMPLERS)
def test_img2img(side: Side, sampler: str, schedule: str) -> None:
    settings = Img2ImgSettings.model_validate(
        values(sampler=sampler, schedule=schedule, strength=0.75, batch_size=2)
    )
    picture = scene(64, 64)
    theirs = side.theirs(
        side.picture, settings, image=[Image.fromarray(picture)] * 2, strength=0.75
    )
    assert_equal(side.ours(settings, image=picture), theirs)


def test_masks(side: Side) -> None:
    settings = Img2ImgSettings.model_validate(values(strength=0.6, mask_blur=0))
    picture, mask = scene(64, 64), box_mask(64, 64)
    theirs = side.theirs(
        side.masked,
        settings,
        image=Image.fromarray(picture),
        mask_image=Image.fromarray(mask).convert("L"),
        strength=0.6,
        width=64,
        height=64,
    )
    inside = mask[..., 0] > 0
    ours = side.ours(settings, image=picture, mask=mask)
    assert_equal(ours[:, inside][:, None], theirs[:, inside][:, None])
    assert np.array_equal(ours[0][~inside], picture[~inside])


@pytest.mark.parametrize("mode", ["balanced", "control"])
@pytest.mark.parametrize("start_from", ["noise", "picture"])
def test_controlnet(side: Side, mode: str, start_from: str) -> None:
    settings = StyleTransferSettings.model_validate(
        values(control_mode=mode, start_from=start_from, strength=0.75, control_scale=0.6)
    )
    source = house()
    edges = Image.fromarray(Canny()(source))
    inputs: dict[str, Any] = {"image": edges, "width": 64, "height": 64}
    if start_from == "picture":
        inputs |= {"image": Image.fromarray(source), "control_image": edges, "strength": 0.75}
    theirs = side.theirs(
        side.edges if start_from == "noise" else side.style,
        settings,
        **inputs,
        controlnet_conditioning_scale=0.6,
        guess_mode=mode == "control",
    )
    ours = side.ours(settings, image=source)
    assert_equal(ours, theirs)
    plain = side.ours(settings.model_copy(update={"control_scale": 0.0}), image=source)
    assert np.abs(ours.astype(int) - plain).mean() > 2


def test_a_lora_for_unet_and_both_text_encoders(side: Side) -> None:
    settings = LoraMixSettings.model_validate(values(loras=[{"name": "both", "weight": 0.7}]))
    plain = side.ours(settings.model_copy(update={"loras": ()}))
    side.plain.load_lora_weights(
        side.root / "loras", weight_name="both.safetensors", adapter_name="both"
    )
    try:
        side.plain.set_adapters(["both"], [0.7])
        theirs = side.theirs(side.plain, settings, width=64, height=64)
    finally:
        side.plain.unload_lora_weights()
    ours = side.ours(settings)
    assert_equal(ours, theirs)
    assert np.abs(ours.astype(int) - plain).mean() > 2

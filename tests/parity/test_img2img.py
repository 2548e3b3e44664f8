"""img2img against diffusers' pipelines: same folder, picture, seed, strength and sampler.

The quick part runs in `make test`, the whole matrix (Pocket too) in `make parity`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
)
from numpy.typing import NDArray
from PIL import Image

from backend.contracts.requests import Request
from backend.contracts.settings import Img2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests.tiny import tiny_checkpoint

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

ROOT = Path(__file__).resolve().parents[2]
Pixels = NDArray[np.uint8]
STEPS = 8
STRENGTHS = (0.3, 0.5, 0.75, 1.0)
CLASSES: dict[str, type] = {
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
}
SAMPLERS = tuple(CLASSES)
QUICK = [("ddim", 0.5), ("euler", 0.75), ("dpmpp_2m", 0.3), ("ddim", 1.0)]
MATRIX = [
    pytest.param(
        sampler, strength, marks=[] if (sampler, strength) in QUICK else [pytest.mark.slow]
    )
    for sampler in SAMPLERS
    for strength in STRENGTHS
]


def scene(width: int, height: int) -> Pixels:
    """Smooth colours with an edge and a little grain."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack([255 * x / width, 255 * y / height, 90 + 60 * np.sin(x / 9)], axis=-1)
    picture[height // 4 : height // 2, width // 3 : width // 2] = (230, 40, 30)
    grain = np.random.default_rng(5).normal(0, 6, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def box_mask(width: int, height: int) -> Pixels:
    """White in the middle, on borders of 8 px."""
    mask = np.zeros((height, width, 3), np.uint8)
    mask[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 255
    return mask


class Side:
    """One model folder, driven by our engine and by a pipeline."""

    def __init__(self, root: Path, name: str, data: Path, size: int, pipelines: Any) -> None:
        self.name, self.size = name, size
        self.engine = LocalEngine.create(
            [root], Storage(data), device="cpu", dtype="float32", preview="off", warm_up=None
        )
        folder = root / "checkpoints" / name
        self.pipes = {cls: cls.from_pretrained(folder, dtype=torch.float32) for cls in pipelines}
        for pipe in self.pipes.values():
            pipe.set_progress_bar_config(disable=True)

    def settings(self, sampler: str, strength: float, **values: Any) -> Img2ImgSettings:
        return Img2ImgSettings.model_validate(
            {
                "prompt": "a red house on grass",
                "negative_prompt": "blue",
                "model": self.name,
                "sampler": sampler,
                "schedule": "model",
                "steps": STEPS,
                "guidance_scale": 4.0,
                "width": self.size,
                "height": self.size,
                "seed": 11,
                "strength": strength,
                "mask_blur": 0,
                **values,
            }
        )

    def ours(self, settings: Img2ImgSettings, **images: Pixels) -> Pixels:
        token = ask(self.engine, Request(settings, images, save=False))
        status = jobs.ended(self.engine, token, 280.0)
        assert status.state == "done", status.error
        return np.stack([output.image for output in status.outputs])

    def theirs(
        self, cls: type, settings: Img2ImgSettings, drawn_before: bool = False, **images: Pixels
    ) -> Pixels:
        pipe, count = self.pipes[cls], settings.batch_size
        pipe.scheduler = CLASSES[settings.sampler].from_config(pipe.scheduler.config)
        generators = [
            torch.Generator("cpu").manual_seed(settings.image_seed(i)) for i in range(count)
        ]
        if drawn_before:
            for generator in generators:
                torch.randn(1, 4, self.size // 8, self.size // 8, generator=generator)
        pictures = {
            key: [Image.fromarray(value).convert("L" if key == "mask_image" else "RGB")] * count
            for key, value in images.items()
        }
        result = pipe(
            [settings.prompt] * count,
            negative_prompt=[settings.negative_prompt] * count,
            generator=generators,
            guidance_scale=settings.guidance_scale,
            num_inference_steps=settings.steps,
            strength=settings.strength,
            **pictures,
            **({"width": self.size, "height": self.size} if "mask_image" in images else {}),
        ).images
        return np.stack([np.asarray(image) for image in result])


def assert_equal(ours: Pixels, theirs: Pixels, inside: NDArray[np.bool_] | None = None) -> None:
    """Within 2/255 at 99.9 % of the pixels."""
    assert ours.shape == theirs.shape
    difference = np.abs(ours.astype(int) - theirs.astype(int)).max(axis=-1)
    if inside is not None:
        difference = difference[:, inside]
    share = float((difference <= 2).mean())
    print(f"within 2/255: {100 * share:.3f} %, largest difference {difference.max()}")
    assert share >= 0.999


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def tiny(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Side]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny", prediction_type=request.param)
    side = Side(
        root,
        "tiny",
        tmp_path_factory.mktemp("data"),
        64,
        (StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline),
    )
    yield side
    side.engine.close()


@pytest.fixture(scope="module")
def inpainting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "nine", in_channels=9)
    side = Side(
        root, "nine", tmp_path_factory.mktemp("data"), 64, (StableDiffusionInpaintPipeline,)
    )
    yield side
    side.engine.close()


@pytest.fixture(scope="module")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    side = Side(
        ROOT / "models",
        "pocket",
        tmp_path_factory.mktemp("data"),
        256,
        (StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline),
    )
    # The pipeline asks for 4 channels by their number, and reads it nowhere else.
    side.pipes[StableDiffusionInpaintPipeline].unet.register_to_config(in_channels=4)
    yield side
    side.engine.close()


@pytest.mark.parametrize(("sampler", "strength"), MATRIX)
def test_tiny_equals_the_pipeline(tiny: Side, sampler: str, strength: float) -> None:
    settings = tiny.settings(sampler, strength, batch_size=2)
    picture = scene(64, 64)
    theirs = tiny.theirs(StableDiffusionImg2ImgPipeline, settings, image=picture)
    assert_equal(tiny.ours(settings, image=picture), theirs)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_pocket_equals_the_pipeline(pocket: Side, sampler: str, strength: float) -> None:
    settings = pocket.settings(sampler, strength)
    picture = scene(256, 256)
    theirs = pocket.theirs(StableDiffusionImg2ImgPipeline, settings, image=picture)
    assert_equal(pocket.ours(settings, image=picture), theirs)


def check_inpainting(side: Side, settings: Img2ImgSettings, drawn_before: bool = False) -> None:
    """Inside the mask: outside, ours is the upload, theirs its reconstruction by the VAE."""
    picture, mask = scene(side.size, side.size), box_mask(side.size, side.size)
    theirs = side.theirs(
        StableDiffusionInpaintPipeline, settings, drawn_before, image=picture, mask_image=mask
    )
    ours = side.ours(settings, image=picture, mask=mask)
    assert_equal(ours, theirs, mask[..., 0] > 0)
    assert np.array_equal(ours[0][mask[..., 0] == 0], picture[mask[..., 0] == 0])


def masked_settings(side: Side, sampler: str, strength: float) -> Img2ImgSettings:
    """At strength 1 diffusers starts from pure noise, see ADR 0007: that is our latent_noise."""
    content = "latent_noise" if strength == 1 else "original"
    return side.settings(sampler, strength, masked_content=content)


@pytest.mark.parametrize(("sampler", "strength"), MATRIX)
def test_masks_equal_the_inpainting_pipeline(tiny: Side, sampler: str, strength: float) -> None:
    check_inpainting(tiny, masked_settings(tiny, sampler, strength))


@pytest.mark.parametrize(("sampler", "strength"), MATRIX)
def test_nine_channels_equal_the_inpainting_pipeline(
    inpainting: Side, sampler: str, strength: float
) -> None:
    # At strength 1 diffusers does not draw the picture's posterior, which we draw always.
    check_inpainting(
        inpainting, masked_settings(inpainting, sampler, strength), drawn_before=strength == 1
    )


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_pockets_masks_equal_the_inpainting_pipeline(
    pocket: Side, sampler: str, strength: float
) -> None:
    check_inpainting(pocket, masked_settings(pocket, sampler, strength))

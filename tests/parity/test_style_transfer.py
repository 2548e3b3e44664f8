"""Style transfer against diffusers' ControlNet pipelines: same folders, seeds, scales, strengths.

A few cases run in `make test`; the matrix is slow and runs in `make parity`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetPipeline,
)
from PIL import Image

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import StyleTransferSettings
from backend.control.canny import Canny
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests.parity.test_txt2img import CLASSES, SCHEDULE_OPTIONS, assert_equal
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet

# The oracles' own calls into NumPy, and their names of arguments.
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers"),
    pytest.mark.filterwarnings("ignore::FutureWarning:diffusers"),
]
STEPS = 7
SAMPLERS = [("ddim", "model"), ("euler", "model"), ("dpmpp_2m", "karras")]
SCALES = (0.5, 1.0)
STRENGTHS = (0.3, 0.5, 0.75, 1.0)
SOURCE = house()


class Side:
    """A folder with a ControlNet, driven by our engine and by the two pipelines."""

    def __init__(self, root: Path, data: Path) -> None:
        self.engine = LocalEngine.create(
            [root], Storage(data), dtype="float32", preview="off", warm_up=None
        )
        self.nets = [
            ControlNetModel.from_pretrained(root / "controlnet" / name)
            for name in ("tiny-canny", "tiny-other")
        ]
        self.noise = StableDiffusionControlNetPipeline.from_pretrained(
            root / "checkpoints" / "tiny", controlnet=self.nets[0]
        )
        self.picture = StableDiffusionControlNetImg2ImgPipeline(**self.noise.components)
        self.several = StableDiffusionControlNetPipeline(
            **self.noise.components | {"controlnet": self.nets}
        )
        self.config = self.noise.scheduler.config
        for pipe in (self.noise, self.picture, self.several):
            pipe.set_progress_bar_config(disable=True)

    def ours(self, settings: StyleTransferSettings, **images: Pixels) -> np.ndarray:
        token = ask(self.engine, Request(settings, {"image": SOURCE} | images, save=False))
        status = jobs.ended(self.engine, token, 300.0)
        assert status.state == "done", status.error
        return np.stack([output.image for output in status.outputs])

    def theirs(self, settings: StyleTransferSettings) -> np.ndarray:
        from_picture = settings.start_from == "picture"
        pipe: Any = self.picture if from_picture else self.noise
        control = Image.fromarray(Canny(settings.canny_low, settings.canny_high)(SOURCE))
        inputs: dict[str, Any] = {
            "image": control,
            "width": settings.width,
            "height": settings.height,
        }
        if from_picture:
            inputs |= {
                "image": Image.fromarray(SOURCE),
                "control_image": control,
                "strength": settings.strength,
            }
        return self.called(
            pipe,
            settings,
            **inputs,
            controlnet_conditioning_scale=settings.control_scale,
            control_guidance_start=settings.control_start,
            control_guidance_end=settings.control_end,
            guess_mode=settings.control_mode == "control",
        )

    def called(self, pipe: Any, settings: StyleTransferSettings, **inputs: Any) -> np.ndarray:
        cls, options = CLASSES[settings.sampler]
        pipe.scheduler = cls.from_config(
            self.config, **options, **SCHEDULE_OPTIONS[settings.schedule]
        )
        count = settings.batch_size
        made = pipe(
            [settings.prompt] * count,
            negative_prompt=[settings.negative_prompt] * count,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance_scale,
            generator=[
                torch.Generator("cpu").manual_seed(settings.image_seed(i)) for i in range(count)
            ],
            **inputs,
        ).images
        return np.stack([np.asarray(image) for image in made])


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def side(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Side]:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_checkpoint(root / "checkpoints" / "tiny", prediction_type=request.param)
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny", seed=1)
    tiny_controlnet(folder, root / "controlnet" / "tiny-other", seed=2)
    made = Side(root, tmp_path_factory.mktemp("data"))
    yield made
    made.engine.close()


def settings_of(**values: Any) -> StyleTransferSettings:
    return StyleTransferSettings.model_validate(
        {
            "prompt": "a red house on grass",
            "negative_prompt": "blue",
            "model": "tiny",
            "sampler": "ddim",
            "schedule": "model",
            "steps": STEPS,
            "guidance_scale": 4.0,
            "width": 64,
            "height": 64,
            "seed": 11,
            "batch_size": 1,
            **values,
        }
    )


def assert_steered(side: Side, settings: StyleTransferSettings, ours: np.ndarray) -> None:
    """The ControlNet changes the picture, so that equality means something."""
    plain = side.ours(settings.model_copy(update={"control_scale": 0.0}))
    assert np.abs(ours.astype(int) - plain).mean() > 2


@pytest.mark.parametrize(("sampler", "schedule"), SAMPLERS)
def test_from_noise(side: Side, sampler: str, schedule: str) -> None:
    settings = settings_of(sampler=sampler, schedule=schedule, batch_size=2)
    ours = side.ours(settings)
    assert_equal(ours, side.theirs(settings))
    assert_steered(side, settings, ours)


@pytest.mark.parametrize(("sampler", "schedule"), SAMPLERS)
def test_from_the_picture(side: Side, sampler: str, schedule: str) -> None:
    settings = settings_of(
        sampler=sampler,
        schedule=schedule,
        start_from="picture",
        strength=0.75,
        control_scale=0.5,
        batch_size=2,
    )
    ours = side.ours(settings)
    assert_equal(ours, side.theirs(settings))
    assert_steered(side, settings, ours)


@pytest.mark.parametrize("start_from", ["noise", "picture"])
def test_guess_mode(side: Side, start_from: str) -> None:
    settings = settings_of(control_mode="control", start_from=start_from, sampler="euler")
    assert_equal(side.ours(settings), side.theirs(settings))
    unguided = settings.model_copy(update={"guidance_scale": 1.0})
    assert_equal(side.ours(unguided), side.theirs(unguided))


@pytest.mark.parametrize("start_from", ["noise", "picture"])
@pytest.mark.parametrize(("start", "end"), [(0.2, 0.8), (0.0, 0.5), (0.5, 1.0), (0.4, 0.45)])
def test_range(side: Side, start_from: str, start: float, end: float) -> None:
    settings = settings_of(control_start=start, control_end=end, start_from=start_from)
    assert_equal(side.ours(settings), side.theirs(settings))


@pytest.mark.parametrize("taken", [{}, {"image": "image", "detector": "canny"}])
def test_several_at_once(side: Side, taken: dict[str, str]) -> None:
    controls = [
        {"name": "tiny-canny", "weight": 0.8, "end": 0.6, **taken},
        {"name": "tiny-other", "image": "image", "weight": 0.5, "start": 0.3},
    ]
    settings = settings_of(controls=controls)
    edges = Canny()(SOURCE)
    theirs = side.called(
        side.several,
        settings,
        image=[Image.fromarray(edges), Image.fromarray(SOURCE)],
        controlnet_conditioning_scale=[0.8, 0.5],
        control_guidance_start=[0.0, 0.3],
        control_guidance_end=[0.6, 1.0],
        width=64,
        height=64,
    )
    given = {} if taken else {"control_image": edges}
    assert_equal(side.ours(settings, **given), theirs)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["balanced", "control"])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("strength", [None, *STRENGTHS])
@pytest.mark.parametrize(("sampler", "schedule"), SAMPLERS)
@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_matrix(
    side: Side,
    mode: str,
    scale: float,
    strength: float | None,
    sampler: str,
    schedule: str,
    guidance: float,
) -> None:
    start = {} if strength is None else {"start_from": "picture", "strength": strength}
    settings = settings_of(
        control_mode=mode,
        control_scale=scale,
        sampler=sampler,
        schedule=schedule,
        guidance_scale=guidance,
        steps=20,
        **start,
    )
    assert_equal(side.ours(settings), side.theirs(settings))

"""Our whole run against StableDiffusionPipeline: same folder, seed, sampler, schedule and steps.

The quick part runs in `make test`, the whole matrix in `make parity`.
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
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    UniPCMultistepScheduler,
)
from diffusers.schedulers import AysSchedules

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests.samplers import SCHEDULES_OF
from tests.sampling.helpers import Dpmpp3mSde
from tests.tiny import tiny_checkpoint

pytestmark = [
    pytest.mark.parity,
    # numpy about tensors inside diffusers' own schedulers
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
ROOT = Path(__file__).resolve().parents[2]
STEPS = 7

CLASSES: dict[str, tuple[type, dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {}),
    "ddpm": (DDPMScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler_a": (EulerAncestralDiscreteScheduler, {}),
    "heun": (HeunDiscreteScheduler, {}),
    "lms": (LMSDiscreteScheduler, {}),
    "dpmpp_2m": (DPMSolverMultistepScheduler, {}),
    "dpmpp_2m_sde": (DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
    "dpmpp_3m_sde": (
        Dpmpp3mSde,
        {"algorithm_type": "sde-dpmsolver++", "solver_order": 3, "lower_order_final": False},
    ),
    "unipc": (UniPCMultistepScheduler, {}),
    "lcm": (LCMScheduler, {}),
    "pndm": (PNDMScheduler, {"skip_prk_steps": True}),
}
SCHEDULE_OPTIONS: dict[str, dict[str, Any]] = {
    "model": {},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "trailing": {"timestep_spacing": "trailing"},
    "ays": {},
}
PAIRS = [(sampler, name) for sampler, names in SCHEDULES_OF.items() for name in names]
SIZES = [(256, 256), (320, 192)]

QUICK = [
    ("dpmpp_2m", "karras", 4.0, 3, (256, 256)),
    ("dpmpp_2m", "karras", 9.0, 1, (320, 192)),
    ("ddim", "model", 4.0, 1, (320, 192)),
    ("euler", "model", 1.0, 1, (256, 256)),
    ("euler_a", "model", 4.0, 1, (256, 256)),
    ("unipc", "model", 9.0, 1, (256, 256)),
]
MATRIX = [
    (sampler, name, guidance, batch, size)
    for sampler, name in PAIRS
    for guidance in (1.0, 4.0, 9.0)
    for batch in (1, 3)
    for size in SIZES
]


class Side:
    """One model folder, driven by our engine and by the pipeline."""

    def __init__(self, root: Path, name: str, data: Path) -> None:
        self.name = name
        self.engine = LocalEngine.create(
            [root], Storage(data), dtype="float32", preview="off", warm_up=None
        )
        self.pipe = StableDiffusionPipeline.from_pretrained(
            root / "checkpoints" / name, dtype=torch.float32
        )
        self.pipe.set_progress_bar_config(disable=True)
        self.config = self.pipe.scheduler.config

    def ours(self, settings: Txt2ImgSettings) -> np.ndarray:
        token = ask(self.engine, Request(settings, save=False))
        status = jobs.ended(self.engine, token, 300.0)
        assert status.state == "done", status.error
        return np.stack([output.image for output in status.outputs])

    def theirs(self, settings: Txt2ImgSettings) -> np.ndarray:
        cls, options = CLASSES[settings.sampler]
        self.pipe.scheduler = cls.from_config(
            self.config, **options, **SCHEDULE_OPTIONS[settings.schedule]
        )
        steps: dict[str, Any] = {"num_inference_steps": settings.steps}
        if settings.schedule == "ays":
            steps = {"timesteps": AysSchedules["StableDiffusionTimesteps"]}
        generators = [
            torch.Generator("cpu").manual_seed(settings.image_seed(i))
            for i in range(settings.batch_size)
        ]
        images = self.pipe(
            [settings.prompt] * settings.batch_size,
            negative_prompt=[settings.negative_prompt] * settings.batch_size,
            generator=generators,
            guidance_scale=settings.guidance_scale,
            eta=settings.eta,
            guidance_rescale=settings.guidance_rescale,
            width=settings.width,
            height=settings.height,
            **steps,
        ).images
        return np.stack([np.asarray(image) for image in images])


def assert_equal(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Within 2/255 at 99.9 % of the pixels."""
    assert ours.shape == theirs.shape
    difference = np.abs(ours.astype(int) - theirs.astype(int)).max(axis=-1)
    share = float((difference <= 2).mean())
    print(f"within 2/255: {100 * share:.3f} %, largest difference {difference.max()}")
    assert share >= 0.999


@pytest.fixture(scope="module")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    side = Side(ROOT / "models", "pocket", tmp_path_factory.mktemp("data"))
    yield side
    side.engine.close()


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def tiny(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Side]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny", prediction_type=request.param)
    side = Side(root, "tiny", tmp_path_factory.mktemp("data"))
    yield side
    side.engine.close()


def settings_of(
    model: str,
    sampler: str,
    name: str,
    guidance: float,
    batch: int,
    size: tuple[int, int],
    steps: int = STEPS,
) -> Txt2ImgSettings:
    return Txt2ImgSettings.model_validate(
        {
            "prompt": "a red house on grass",
            "negative_prompt": "" if batch == 1 else "blue",
            "model": model,
            "sampler": sampler,
            "schedule": name,
            "steps": 10 if name == "ays" else steps,
            "guidance_scale": guidance,
            "width": size[0],
            "height": size[1],
            "seed": 11,
            "batch_size": batch,
        }
    )


@pytest.mark.parametrize(("sampler", "name", "guidance", "batch", "size"), QUICK)
def test_pocket_equals_the_pipeline(
    pocket: Side, sampler: str, name: str, guidance: float, batch: int, size: tuple[int, int]
) -> None:
    settings = settings_of("pocket", sampler, name, guidance, batch, size)
    assert_equal(pocket.ours(settings), pocket.theirs(settings))


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "name", "guidance", "batch", "size"), MATRIX)
def test_pocket_equals_the_pipeline_everywhere(
    pocket: Side, sampler: str, name: str, guidance: float, batch: int, size: tuple[int, int]
) -> None:
    settings = settings_of("pocket", sampler, name, guidance, batch, size)
    assert_equal(pocket.ours(settings), pocket.theirs(settings))


@pytest.mark.parametrize(("sampler", "name"), PAIRS)
def test_each_sampler_equals_the_pipeline(tiny: Side, sampler: str, name: str) -> None:
    settings = settings_of("tiny", sampler, name, 4.0, 2, (64, 64))
    assert_equal(tiny.ours(settings), tiny.theirs(settings))


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_ddim_with_noise_equals_the_pipeline(tiny: Side, eta: float) -> None:
    settings = settings_of("tiny", "ddim", "model", 4.0, 2, (64, 64)).model_copy(
        update={"eta": eta}
    )
    assert_equal(tiny.ours(settings), tiny.theirs(settings))


def test_guidance_rescale_equals_the_pipeline(pocket: Side) -> None:
    settings = settings_of("pocket", "euler", "model", 7.0, 1, (256, 256)).model_copy(
        update={"guidance_rescale": 0.7}
    )
    assert_equal(pocket.ours(settings), pocket.theirs(settings))

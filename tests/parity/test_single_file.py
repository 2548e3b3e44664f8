"""A single file of an original layout against diffusers' pipeline from the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests.original import Layout, original_checkpoint, write_configs
from tests.parity.test_txt2img import assert_equal

pytestmark = [
    pytest.mark.parity,
    # numpy about tensors inside diffusers' own schedulers
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.mark.parametrize(
    ("layout", "prediction", "zero_snr"),
    [
        ("sd1", "epsilon", False),
        ("sd2", "epsilon", False),
        ("sd2", "v_prediction", False),
        ("sd1", "v_prediction", True),
        ("sdxl", "epsilon", False),
        ("sdxl", "v_prediction", True),
    ],
)
def test_the_same_file_gives_the_same_picture(
    tmp_path: Path, layout: Layout, prediction: str, zero_snr: bool
) -> None:
    markers = ("v_pred",) * (prediction != "epsilon") + ("ztsnr",) * zero_snr
    path = tmp_path / "models" / "checkpoints" / "one.safetensors"
    original_checkpoint(path, layout, markers=markers)
    if prediction == "epsilon":
        path.with_suffix(".card.json").write_text('{"prediction_type": "epsilon"}')
    settings = Txt2ImgSettings.model_validate(
        {
            "prompt": "an astronaut, riding a horse!",
            "negative_prompt": "blue",
            "model": "one",
            "sampler": "euler" if layout == "sd2" else "ddim",
            "schedule": "model",
            "steps": 3,
            "guidance_scale": 4.0,
            "width": 96,
            "height": 64,
            "seed": 11,
            "batch_size": 2,
        }
    )
    assert_equal(
        _ours(tmp_path, settings),
        _theirs(
            tmp_path,
            path,
            layout,
            settings,
            {
                "prediction_type": prediction,
                "rescale_betas_zero_snr": zero_snr,
                "timestep_spacing": "trailing" if zero_snr else "leading",
            },
        ),
    )


def _ours(tmp_path: Path, settings: Txt2ImgSettings) -> np.ndarray:
    engine = LocalEngine.create(
        [tmp_path / "models"],
        Storage(tmp_path / "data"),
        device="cpu",
        dtype="float32",
        preview="off",
        warm_up=None,
    )
    try:
        token = ask(engine, Request(settings))
        status = jobs.ended(engine, token, 300.0)
        assert status.state == "done", status.error
        return np.stack([output.image for output in status.outputs])
    finally:
        engine.close()


def _theirs(
    tmp_path: Path,
    path: Path,
    layout: Layout,
    settings: Txt2ImgSettings,
    scheduler: dict[str, object],
) -> np.ndarray:
    configs = write_configs(tmp_path / "configs", layout, scheduler=scheduler)
    sdxl = layout == "sdxl"
    cls = StableDiffusionXLPipeline if sdxl else StableDiffusionPipeline
    safety = {} if sdxl else {"safety_checker": None, "requires_safety_checker": False}
    pipe: Any = cls.from_single_file(
        str(path), config=str(configs), local_files_only=True, **safety
    )
    pipe.set_progress_bar_config(disable=True)
    chosen = EulerDiscreteScheduler if settings.sampler == "euler" else DDIMScheduler
    pipe.scheduler = chosen.from_config(pipe.scheduler.config)
    images = pipe(
        [settings.prompt] * 2,
        negative_prompt=[settings.negative_prompt] * 2,
        generator=[torch.Generator().manual_seed(settings.seed + i) for i in range(2)],
        guidance_scale=settings.guidance_scale,
        num_inference_steps=settings.steps,
        width=settings.width,
        height=settings.height,
    ).images
    return np.stack([np.asarray(image) for image in images])

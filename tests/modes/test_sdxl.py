"""All five modes on an SDXL folder: they run, and what SDXL adds reaches the picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers.schedulers.scheduling_utils import AysSchedules

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import (
    Img2ImgSettings,
    LoraMixSettings,
    MorphSettings,
    Settings,
    StyleTransferSettings,
    Txt2ImgSettings,
)
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.stable_diffusion import BY_WIDTH, XL
from backend.sampling.config import SchedulerConfig
from backend.sampling.schedule import make
from backend.storage.outputs import Storage
from tests import jobs
from tests import lora_files as files
from tests.tiny import tiny_sdxl
from tests.tiny_control import house, tiny_controlnet

A = house()
B = np.ascontiguousarray(A[::-1, ::-1])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_sdxl(root / "checkpoints" / "xl")
    tiny_sdxl(root / "checkpoints" / "nine", in_channels=9)
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny", seed=1)
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        preview="off",
        warm_up=None,
    )
    with engine._models.lease("xl") as model:
        parts = {"unet": model.network.model, **model.text.modules}
    # A LoRA of a text encoder alone would be told from SDXL by its names, and this one is small.
    for name, targets in (("unet", files.ATTENTION), ("text", (*files.TEXT, "attn2.to_k"))):
        factors = files.random_factors(parts, targets, seed=4, size=2.0)
        files.write(root / "loras" / f"{name}.safetensors", files.diffusers_keys(factors))
    engine.library(refresh=True)
    yield engine
    engine.close()


def run(engine: LocalEngine, settings: Settings, **images: Pixels) -> list[Pixels]:
    token = ask(engine, Request(settings, images, save=False))
    status = jobs.ended(engine, token, 90.0)
    assert status.state == "done", status.error
    return [output.image for output in status.outputs]


def values(**changes: Any) -> dict[str, Any]:
    return {
        "prompt": "a red house",
        "model": "xl",
        "steps": 4,
        "width": 64,
        "height": 64,
        "guidance_scale": 4.0,
        "seed": 3,
        **changes,
    }


def text(**changes: Any) -> Txt2ImgSettings:
    return Txt2ImgSettings.model_validate(values(**changes))


def apart(a: Pixels, b: Pixels) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_a_batch_is_made_of_its_single_pictures(engine: LocalEngine) -> None:
    batch = run(engine, text(batch_size=3, variation_strength=0.2, variation_seed=8))
    last = run(engine, text(variation_strength=0.2, variation_seed=10))
    assert apart(batch[2], last[0]) <= 1


def test_the_prompt_mix_ends_at_both_prompts(engine: LocalEngine) -> None:
    first, last = run(engine, text())[0], run(engine, text(prompt="a boat"))[0]
    assert apart(first, last) > 4
    assert apart(run(engine, text(prompt_b="a boat", prompt_mix=1.0))[0], last) <= 1
    half = run(engine, text(prompt_b="a boat", prompt_mix=0.5))[0]
    assert apart(half, first) > 1
    assert apart(half, last) > 1


@pytest.mark.parametrize("prompt", ["cat " * 100, "a (red:1.4) house BREAK [sky]"])
def test_long_and_weighted_prompts(engine: LocalEngine, prompt: str) -> None:
    for negative in ("", "blue"):
        assert (
            apart(
                run(engine, text(prompt=prompt, negative_prompt=negative))[0],
                run(engine, text(negative_prompt=negative))[0],
            )
            > 1
        )


def test_img2img_with_a_mask(engine: LocalEngine) -> None:
    settings = Img2ImgSettings.model_validate(values(strength=0.8, mask_blur=0))
    mask = np.zeros_like(A)
    mask[16:48, 16:48] = 255
    made = run(engine, settings, image=A, mask=mask)[0]
    assert np.array_equal(made[mask == 0], A[mask == 0])
    assert apart(made[16:48, 16:48], A[16:48, 16:48]) > 10


def test_the_inpainting_checkpoint(engine: LocalEngine) -> None:
    settings = Img2ImgSettings.model_validate(values(model="nine", mask_blur=0))
    mask = np.zeros_like(A)
    mask[16:48, 16:48] = 255
    made = run(engine, settings, image=A, mask=mask)[0]
    assert apart(made, A) > 10


def test_style_transfer(engine: LocalEngine) -> None:
    settings = StyleTransferSettings.model_validate(values(control_mode="prompt"))
    steered = run(engine, settings, image=A)[0]
    plain = run(engine, settings.model_copy(update={"control_scale": 0.0}), image=A)[0]
    assert apart(steered, plain) > 4


@pytest.mark.parametrize("lora", ["unet", "text"])
def test_lora_mix(engine: LocalEngine, lora: str) -> None:
    plain = run(engine, text())[0]
    settings = LoraMixSettings.model_validate(
        values(loras=[{"name": lora, "weight": 0.8}], compare=True)
    )
    without, under = run(engine, settings)[:2]
    assert apart(without, plain) <= 1
    assert apart(under, plain) > 4
    assert apart(run(engine, text())[0], plain) == 0


@pytest.mark.parametrize("method", ["walk", "quick", "fine"])
def test_morph(engine: LocalEngine, method: str) -> None:
    settings = MorphSettings.model_validate(
        {
            "prompt_a": "a red house",
            "prompt_b": "a boat",
            "model": "xl",
            "steps": 5,
            "seed": 3,
            "width": 64,
            "height": 64,
            "frames": 4,
            "even": "off",
            "method": method,
            "guidance_scale": 3.0 if method == "walk" else 1.0,
            "lora_steps": 3,
            "lora_rank": 2,
            "embeddings": "slerp" if method == "walk" else "lerp",
        }
    )
    images = {} if method == "walk" else {"image_a": A, "image_b": B}
    frames = run(engine, settings, **images)
    assert len(frames) == 4
    assert apart(frames[0], frames[-1]) > 4
    assert all(apart(a, b) > 0 for a, b in pairwise(frames))


def test_align_your_steps_takes_the_table_of_sdxl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_sdxl(tmp_path / "checkpoints" / "xl")
    width = json.loads((folder / "unet" / "config.json").read_text())["cross_attention_dim"]
    monkeypatch.setitem(BY_WIDTH, width, XL)  # the family is told by its width
    engine = LocalEngine.create([tmp_path], Storage(tmp_path), dtype="float32", warm_up=None)
    wanted = Txt2ImgSettings.model_validate(
        values(sampler="dpmpp_2m", schedule="ays", steps=10, guidance_scale=1.0)
    )
    try:
        levels = engine.levels(wanted)
        status = jobs.ended(engine, ask(engine, Request(wanted, save=False)), 90.0)
        assert status.state == "done", status.error
    finally:
        engine.close()
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    expected = make("dpmpp_2m", "ays", 10, SchedulerConfig.from_dict(config), "sdxl")
    assert expected.timesteps.tolist() == AysSchedules["StableDiffusionXLTimesteps"]
    assert levels == tuple(expected.levels)
    assert status.timeline is not None
    assert status.timeline.sigmas == tuple(expected.levels[1:])

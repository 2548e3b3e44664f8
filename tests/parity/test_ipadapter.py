"""IP-Adapter files against diffusers' pipelines with the same folder, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import Settings, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests.tiny import tiny_checkpoint, tiny_sdxl
from tests.tiny_control import house, tiny_controlnet
from tests.tiny_ipadapter import tiny_ipadapter

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
WITHIN, SHARE = 2, 0.999
SUNSET = np.ascontiguousarray(255 - house(80, 60)[::-1])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny", seed=1)
    large = tiny_sdxl(root / "checkpoints" / "xl")
    tiny_ipadapter(folder, root / "ipadapter" / "models" / "plain.safetensors")
    tiny_ipadapter(folder, root / "ipadapter" / "models" / "plus.safetensors", plus=True)
    tiny_ipadapter(large, root / "ipadapter" / "sdxl_models" / "plain-xl.safetensors")
    return root


@pytest.fixture(scope="module")
def engine(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    data = tmp_path_factory.mktemp("data")
    engine = LocalEngine.create(
        [root], Storage(data), device="cpu", dtype="float32", preview="off", warm_up=None
    )
    yield engine
    engine.close()


def settings_of(mode: str, **values: Any) -> Settings:
    common = {"prompt": "a red house on grass", "negative_prompt": "blue", "model": "tiny",
              "sampler": "ddim", "schedule": "model", "steps": 5, "guidance_scale": 7.5, "seed": 5,
              "width": 64, "height": 64, "reference_weight": 0.6}  # fmt: skip
    return parse(mode, common | values)


def ours(engine: LocalEngine, settings: Settings, **pictures: Pixels) -> list[Any]:
    status = jobs.ended(engine, ask(engine, Request(settings, pictures, save=False)), 120.0)
    assert status.state == "done", status.error
    return list(status.outputs)


def theirs(root: Path, settings: Any, count: int, **pictures: Pixels) -> np.ndarray:
    folder = root / "checkpoints" / settings.model
    inputs: dict[str, Any] = {}
    if settings.mode == "style_transfer":
        net = ControlNetModel.from_pretrained(root / "controlnet" / "tiny-canny")
        pipe: Any = StableDiffusionControlNetPipeline.from_pretrained(folder, controlnet=net)
        inputs["image"] = Image.fromarray(pictures["control_image"])
    elif settings.mode == "img2img":
        pipe = StableDiffusionImg2ImgPipeline.from_pretrained(folder)
        inputs |= {"image": Image.fromarray(pictures["image"]), "strength": settings.strength}
    elif settings.model == "xl":
        pipe = StableDiffusionXLPipeline.from_pretrained(folder)
    else:
        pipe = StableDiffusionPipeline.from_pretrained(folder)
    if settings.mode != "img2img":
        inputs |= {"width": 64, "height": 64}
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    where = "sdxl_models" if settings.model == "xl" else "models"
    name = f"{settings.reference_adapter}.safetensors"
    pipe.load_ip_adapter(root / "ipadapter", subfolder=where, weight_name=name)
    pipe.set_ip_adapter_scale(settings.reference_weight)
    made = pipe(
        settings.prompt,
        negative_prompt=settings.negative_prompt,
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        num_images_per_prompt=count,
        generator=[torch.Generator().manual_seed(settings.seed + i) for i in range(count)],
        ip_adapter_image=Image.fromarray(pictures["reference"]),
        output_type="np",
        **inputs,
    ).images
    return (made * 255).round().astype(np.uint8)


def share_within(a: np.ndarray, b: np.ndarray) -> float:
    return float((np.abs(a.astype(int) - b).max(axis=-1) <= WITHIN).mean())


@pytest.mark.parametrize(
    ("mode", "values"),
    [
        ("txt2img", {"reference_adapter": "plain", "batch_size": 3}),
        ("txt2img", {"reference_adapter": "plus"}),
        ("txt2img", {"reference_adapter": "plus", "guidance_scale": 1.0}),
        ("txt2img", {"reference_adapter": "plain-xl", "model": "xl"}),
        ("img2img", {"reference_adapter": "plain", "strength": 0.7, "reference_weight": 1.5}),
        ("style_transfer", {"reference_adapter": "plus", "detector": "identity"}),
    ],
)
def test_it_is_the_pipelines_picture(
    engine: LocalEngine, root: Path, mode: str, values: dict[str, Any]
) -> None:
    settings: Any = settings_of(mode, **values)
    pictures = {"reference": SUNSET}
    if mode == "img2img":
        pictures["image"] = house()
    if mode == "style_transfer":
        pictures["control_image"] = house()
    wanted = theirs(root, settings, settings.batch_size, **pictures)
    outputs = ours(engine, settings, **pictures)
    made = np.stack([output.image for output in outputs])
    assert share_within(made, wanted) >= SHARE
    assert outputs[0].record.settings["reference_adapter"] == values["reference_adapter"]
    assert len(outputs[0].record.extra["ipadapter_hash"]) == 10
    off = settings.model_copy(update={"reference_weight": 0.0})
    without = {name: picture for name, picture in pictures.items() if name != "reference"}
    plain = np.stack([output.image for output in ours(engine, off, **without)])
    assert share_within(plain, wanted) < SHARE  # the reference is seen in the pixels


def test_it_acts_in_its_part_of_the_run_only(engine: LocalEngine) -> None:
    whole, early, never = (
        ours(engine, settings_of("txt2img", reference_adapter="plain", reference_end=end,
                                 reference_start=start), reference=SUNSET)[0].image
        for start, end in ((0.0, 1.0), (0.0, 0.4), (1.0, 1.0))
    )  # fmt: skip
    (plain,) = ours(engine, settings_of("txt2img", reference_weight=0.0))
    assert np.array_equal(never, plain.image)
    assert not np.array_equal(whole, early)
    assert not np.array_equal(early, plain.image)


def test_one_for_another_model_is_refused(engine: LocalEngine) -> None:
    settings = settings_of("txt2img", reference_adapter="plain-xl")
    with pytest.raises(BadInput, match="made for another kind of model"):
        ask(engine, Request(settings, {"reference": SUNSET}, save=False))
    with pytest.raises(BadInput, match="no IP-Adapter 'plein'; did you mean 'plain'"):
        ask(
            engine,
            Request(settings_of("txt2img", reference_adapter="plein"), {"reference": SUNSET}),
        )

"""InstructPix2Pix against diffusers' own pipeline, and what it is refused for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image

from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import Img2ImgSettings, Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.instruct import INSTRUCT
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from backend.storage.outputs import Storage
from tests import jobs
from tests.modes.test_img2img import scene
from tests.original import original_checkpoint
from tests.tiny import tiny_checkpoint

PROMPT, NEGATIVE = "a red house under a blue sky", "a fish"
STEPS = 6


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "edit", in_channels=8)
    tiny_checkpoint(root / "checkpoints" / "plain")
    return root


@pytest.fixture(scope="module")
def engine(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    storage = Storage(tmp_path_factory.mktemp("data"))
    engine = LocalEngine.create([root], storage, device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def wanted(**values: Any) -> Img2ImgSettings:
    return Img2ImgSettings.model_validate(
        {
            "prompt": PROMPT,
            "negative_prompt": NEGATIVE,
            "model": "edit",
            "sampler": "ddim",
            "schedule": "model",
            "steps": STEPS,
            "width": 64,
            "height": 64,
            "seed": 5,
            "strength": 1.0,
        }
        | values
    )


def ours(engine: LocalEngine, settings: Img2ImgSettings, image: Pixels) -> Any:
    status = jobs.ended(engine, ask(engine, Request(settings, {"image": image}, save=False)))
    assert status.state == "done", status.error
    return np.stack([output.image for output in status.outputs])


def share_within(a: Any, b: Any, most: int = 2) -> float:
    return float((np.abs(a.astype(int) - b.astype(int)) <= most).mean())


@pytest.mark.parametrize(
    ("guidance", "image_guidance", "batch"), [(1.0, 1.5, 1), (4.0, 1.0, 1), (4.0, 2.5, 3)]
)
def test_it_draws_what_the_pipeline_draws(
    root: Path, engine: LocalEngine, guidance: float, image_guidance: float, batch: int
) -> None:
    pipe = StableDiffusionInstructPix2PixPipeline.from_pretrained(root / "checkpoints" / "edit")
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe(
        [PROMPT] * batch,
        image=[Image.fromarray(scene())] * batch,
        negative_prompt=[NEGATIVE] * batch,
        guidance_scale=guidance,
        image_guidance_scale=image_guidance,
        num_inference_steps=STEPS,
        generator=[torch.Generator().manual_seed(5 + i) for i in range(batch)],
        output_type="np",
    ).images
    theirs = np.rint(theirs * 255).astype(np.uint8)
    values = {"guidance_scale": guidance, "image_guidance": image_guidance, "batch_size": batch}
    assert share_within(ours(engine, wanted(**values), scene()), theirs) >= 0.999
    assert share_within(ours(engine, wanted(**values), scene(seed=2)), theirs) < 0.99
    if guidance > 1:
        other = wanted(**values | {"image_guidance": image_guidance + 3})
        assert share_within(ours(engine, other, scene()), theirs) < 0.99


def test_several_strengths_side_by_side_are_those_alone(engine: LocalEngine) -> None:
    ladder = ours(engine, wanted(strengths=(0.5, 1.0), batch_size=2), scene())
    alone = [ours(engine, wanted(strength=one, batch_size=2), scene()) for one in (0.5, 1.0)]
    assert share_within(ladder, np.concatenate(alone)) >= 0.999


def test_what_it_is(root: Path) -> None:
    info = Catalog([root], FAMILIES).checkpoint("edit")
    can = info.anatomy.can
    assert (can.edits, can.from_noise, can.mask, can.controlnet) == (True, False, False, False)
    assert (info.guidance_scale, info.family_title, info.recognised_by) == (
        7.5,
        "InstructPix2Pix",
        "instruct",
    )
    assert INSTRUCT.scheduler_config(info)["prediction_type"] == "epsilon"
    tokens = INSTRUCT.tokenizer(info)
    assert tokens.positions == 77
    assert list(INSTRUCT.skeleton(info) or {}) == ["unet", "text_encoder"]


def test_folders_of_others_are_left_alone(root: Path) -> None:
    assert INSTRUCT.recognise(root / "checkpoints" / "plain", Card()) is None
    assert Catalog([root], FAMILIES).checkpoint("plain").recognised_by == "sd"


def test_a_unet_that_sees_no_picture_is_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "edit"
    shutil.copytree(root / "checkpoints" / "edit", folder)
    file = folder / "unet" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"in_channels": 4}))
    with pytest.raises(ModelProblem, match="takes its own and the picture's"):
        INSTRUCT.recognise(folder, Card())


def test_what_it_cannot_do_is_said_before_it_waits(engine: LocalEngine) -> None:
    for asked, images, said in (
        (Txt2ImgSettings(prompt=PROMPT, model="edit"), {}, "only changes a picture"),
        (wanted(), {"image": scene(), "mask": scene()}, "cannot repaint a part"),
        (wanted(model="plain", image_guidance=2.0), {"image": scene()}, "edits no picture"),
    ):
        with pytest.raises(BadInput, match=said):
            ask(engine, Request(asked, images, save=False))


def test_other_models_draw_as_before(engine: LocalEngine) -> None:
    made = ours(engine, wanted(model="plain", strength=0.5), scene())
    again = ours(engine, wanted(model="plain", strength=0.5), scene())
    assert np.array_equal(made, again)


def test_a_single_file_is_known_by_its_first_layer(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name, channels in (("edit", 8), ("inpaint", 9), ("plain", 4)):
        original_checkpoint(folder / f"{name}.safetensors", "sd1", in_channels=channels)
    catalog = Catalog([tmp_path], FAMILIES)
    known = {info.name: info.recognised_by for info in catalog.models()}
    assert known == {"edit": "instruct", "inpaint": "sd", "plain": "sd"}
    assert catalog.checkpoint("edit").anatomy.can.edits
    assert not catalog.checkpoint("inpaint").anatomy.can.edits

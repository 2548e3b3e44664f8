"""Stable Diffusion 3 against diffusers' pipelines, and what its folders are refused for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import (
    StableDiffusion3Img2ImgPipeline,
    StableDiffusion3InpaintPipeline,
    StableDiffusion3Pipeline,
)

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.families.sd3 import SD3
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from tests.flow_side import (
    SIZES,
    FlowSide,
    asked,
    box_mask,
    changed,
    close,
    pictures,
    scene,
    wanted,
)
from tests.tiny_flow import edited, tiny_sd3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_sd3(root / "checkpoints" / "sd3")
    tiny_sd3(root / "checkpoints" / "bare", t5=False)
    return root


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "guidance", "batch", "size"),
    [
        ("sd3", 1.0, 1, SIZES[0]),
        ("sd3", 5.0, 1, SIZES[1]),
        ("sd3", 5.0, 3, SIZES[0]),
        ("bare", 5.0, 1, SIZES[0]),
    ],
)
def test_it_draws_what_the_pipeline_draws(
    side: FlowSide, name: str, guidance: float, batch: int, size: tuple[int, int]
) -> None:
    lacking = {"text_encoder_3": None, "tokenizer_3": None} if name == "bare" else {}
    pipe = side.pipeline(StableDiffusion3Pipeline, name, **lacking)
    settings = wanted(name, size, guidance_scale=guidance, batch_size=batch)
    theirs = pipe(**asked(settings, guidance_scale=guidance)).images
    assert close(side.drawn(settings), theirs) >= 0.999
    if batch == 1:
        other = settings.model_copy(update={"prompt": "a fish"})
        assert close(side.drawn(other), theirs) < 0.99


@pytest.mark.parity
@pytest.mark.parametrize(("strength", "guidance", "batch"), [(0.5, 5.0, 1), (0.75, 1.0, 3)])
def test_img2img_begins_part_way_down_the_shifted_schedule(
    side: FlowSide, strength: float, guidance: float, batch: int
) -> None:
    pipe = side.pipeline(StableDiffusion3Img2ImgPipeline, "sd3")
    picture = scene(*SIZES[1])
    settings = changed("sd3", strength=strength, guidance_scale=guidance, batch_size=batch)
    told = asked(settings, guidance_scale=guidance, strength=strength)
    theirs = pipe(**told, **pictures(batch, image=picture)).images
    assert close(side.drawn(settings, image=picture), theirs) >= 0.999
    if batch == 1:
        assert close(side.drawn(settings, image=255 - picture), theirs) < 0.99


@pytest.mark.parity
@pytest.mark.parametrize(("strength", "guidance"), [(0.75, 5.0), (1.0, 1.0)])
def test_inpainting_mixes_noise_and_picture_at_each_time(
    side: FlowSide, strength: float, guidance: float
) -> None:
    pipe = side.pipeline(StableDiffusion3InpaintPipeline, "sd3")
    picture, mask = scene(*SIZES[1]), box_mask(*SIZES[1])
    settings = changed("sd3", strength=strength, guidance_scale=guidance)
    told = asked(settings, guidance_scale=guidance, strength=strength, output_type="latent")
    latents = pipe(**told, **pictures(1, image=picture, mask_image=mask)).images
    config = pipe.vae.config  # the pipeline forgets the shift when it decodes
    latents = latents / config["scaling_factor"] + config["shift_factor"]
    with torch.no_grad():
        theirs = (pipe.vae.decode(latents)[0] / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    ours = side.drawn(settings, image=picture, mask=mask)
    inside = mask[..., 0] > 0
    assert close(ours[:, inside][None], theirs[:, inside][None]) >= 0.999
    plain = side.drawn(settings, image=255 - picture, mask=mask)
    assert close(plain[:, inside][None], theirs[:, inside][None]) < 0.99


@pytest.mark.parity
def test_a_lora_under_pefts_names_acts_as_in_the_pipeline(side: FlowSide) -> None:
    settings = wanted("sd3", steps=6, guidance_scale=3.0)
    pipe = side.pipeline(StableDiffusion3Pipeline, "sd3")
    side.check_lora(pipe, settings, asked(settings, guidance_scale=3.0))


def test_what_it_is(root: Path) -> None:
    info = Catalog([root], FAMILIES).checkpoint("sd3")
    anatomy = info.anatomy
    assert (info.recognised_by, info.family, info.family_title) == ("sd3", "sd3", "SD 3.5")
    assert (anatomy.factor, anatomy.channels, anatomy.sizes.step_px) == (4, 16, 8)
    assert anatomy.sizes.most_px == 32 * 2 * 4
    assert (anatomy.can.steps, anatomy.can.sampler, info.guidance_scale) == (28, "euler", 7.0)
    assert not anatomy.can.controlnet
    assert not anatomy.can.training
    assert SD3.scheduler_config(info)["shift"] == 3.0
    assert SD3.tokenizer(info) is None
    parts = SD3.skeleton(info)
    assert list(parts) == ["transformer", "text_encoder", "text_encoder_2", "text_encoder_3"]
    assert all(value.is_meta for part in parts.values() for value in part.parameters())
    assert list(SD3.skeleton(Catalog([root], FAMILIES).checkpoint("bare")))[-1] == "text_encoder_2"


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ("transformer", "transformer/config.json is missing"),
        ("vae", "vae/config.json is missing"),
        ("text_encoder_2", "text_encoder_2/config.json is missing"),
        ("tokenizer_3", "folder tokenizer_3 is missing"),
        ("scheduler", "scheduler/scheduler_config.json is missing"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused(
    root: Path, tmp_path: Path, lost: str, sentence: str
) -> None:
    folder = tmp_path / "sd3"
    shutil.copytree(root / "checkpoints" / "sd3", folder)
    shutil.rmtree(folder / lost)
    with pytest.raises(ModelProblem, match=sentence):
        SD3.recognise(folder, Card())


def test_parts_that_do_not_belong_together_are_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sd3"
    shutil.copytree(root / "checkpoints" / "bare", folder)
    edited(folder / "transformer" / "config.json", in_channels=4)
    with pytest.raises(ModelProblem, match="takes 4 channels"):
        SD3.recognise(folder, Card())
    edited(folder / "transformer" / "config.json", in_channels=16, pooled_projection_dim=99)
    with pytest.raises(ModelProblem, match="other pooled prompts"):
        SD3.recognise(folder, Card())
    edited(folder / "scheduler" / "scheduler_config.json", _class_name="DDIMScheduler")
    edited(folder / "transformer" / "config.json", pooled_projection_dim=32)
    with pytest.raises(ModelProblem, match="of no flow model"):
        SD3.recognise(folder, Card())


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    assert SD3.recognise(tmp_path, Card()) is None

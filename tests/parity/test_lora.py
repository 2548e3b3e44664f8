"""Our mix against diffusers' `load_lora_weights` + `set_adapters`: float32, same seeds."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import nn

from backend.models.lora.file import LoraFile, read
from backend.models.lora.mix import LoraMixer
from backend.models.patches import PatchStack
from tests import lora_files as files
from tests.tiny import tiny_checkpoint

pytestmark = pytest.mark.parity

WEIGHTS = [(1.0,), (-0.8,), (0.6, 1.7), (0.5, -1.0, 2.5)]


def load(folder: Path) -> StableDiffusionPipeline:
    pipe = StableDiffusionPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def ours(folder: Path) -> StableDiffusionPipeline:
    return load(folder)


def parts(pipe: StableDiffusionPipeline) -> dict[str, nn.Module]:
    return {"unet": pipe.unet, "text_encoder": pipe.text_encoder}


@pytest.fixture(scope="module")
def loras(folder: Path, ours: StableDiffusionPipeline) -> tuple[LoraFile, ...]:
    """kohya with alphas, convolutions and text; diffusers with text; the old form."""
    whole = parts(ours)
    made = (
        files.kohya_keys(
            files.random_factors(
                whole, files.ATTENTION + files.CONVOLUTIONS + files.TEXT, seed=1, size=0.2
            ),
            alpha=2.0,
        ),
        files.diffusers_keys(
            files.random_factors(
                whole,
                (*files.ATTENTION, "net.0.proj", "net.2", "q_proj", "v_proj"),
                seed=2,
                rank=8,
                size=0.3,
            )
        ),
        files.old_diffusers_keys(
            files.random_factors(
                whole,
                (*files.ATTENTION, "q_proj", "k_proj", "v_proj", "out_proj"),
                seed=3,
                size=0.3,
            )
        ),
    )
    return tuple(
        read(files.write(folder.parent / f"lora{index}.safetensors", tensors))
        for index, tensors in enumerate(made)
    )


def theirs(
    folder: Path, loras: tuple[LoraFile, ...], weights: tuple[float, ...]
) -> StableDiffusionPipeline:
    pipe = load(folder)
    names = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a second adapter on one layer
        for lora, _ in zip(loras, weights, strict=False):
            pipe.load_lora_weights(
                lora.info.path.parent, weight_name=lora.info.path.name, adapter_name=lora.name
            )
            names.append(lora.name)
        pipe.set_adapters(names, list(weights))
    return pipe


def picture(pipe: StableDiffusionPipeline) -> np.ndarray:
    images = pipe(
        "a red house",
        negative_prompt="the sea",
        num_inference_steps=5,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(3),
        output_type="np",
    ).images
    return images[0]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_mix_equals_diffusers(
    folder: Path,
    ours: StableDiffusionPipeline,
    loras: tuple[LoraFile, ...],
    weights: tuple[float, ...],
) -> None:
    pipe = theirs(folder, loras, weights)
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    ids = ours.tokenizer(
        ["a red house", "a boat"], padding="max_length", return_tensors="pt"
    ).input_ids

    def outputs(which: StableDiffusionPipeline) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            context = which.text_encoder(ids).last_hidden_state
            return context, which.unet(x, 400, encoder_hidden_states=context).sample

    plain_context, plain = outputs(ours)
    plain_picture = picture(ours)
    wanted_context, wanted = outputs(pipe)
    wanted_picture = picture(pipe)
    mix = list(zip(loras, weights, strict=False))
    for tolerance in (0.02, -1.0):
        with LoraMixer(parts(ours), PatchStack(), tolerance=tolerance).applied(mix):
            context, output = outputs(ours)
            ours_picture = picture(ours)
        assert float((context - wanted_context).abs().max()) < 1e-5 * _size(wanted_context)
        assert float((output - wanted).abs().max()) < 1e-5 * _size(wanted)
        assert np.abs(ours_picture - wanted_picture).max() <= 2 / 255
    assert float((wanted_context - plain_context).abs().max()) > 0.05
    assert float((wanted - plain).abs().max()) > 0.05
    assert np.abs(wanted_picture - plain_picture).max() > 8 / 255
    assert np.array_equal(picture(ours), plain_picture)


def _size(tensor: torch.Tensor) -> float:
    return max(1.0, float(tensor.abs().max()))

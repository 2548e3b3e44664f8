"""What loading a model of pixels makes, and what it says of damaged weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.contracts.errors import ModelProblem
from tests.staged import loaded
from tests.tiny_pixels import tiny_ddpm


def test_its_codec_is_the_picture_itself_in_any_precision(tmp_path: Path) -> None:
    tiny_ddpm(tmp_path / "checkpoints" / "grey", channels=1)
    model = loaded(tmp_path, "grey")
    assert (model.vae_factor, model.latent_channels, model.bounded) == (1, 1, True)
    picture = np.full((1, 16, 16, 3), (10, 20, 60), np.uint8)
    mean, deviation = model.codec.encode(picture)
    assert mean.shape == (1, 1, 16, 16)
    assert float(deviation.max()) == 0
    assert np.unique(model.codec.decode(mean)).tolist() == [30]
    shown = model.previewer("fast")
    assert shown is not None


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    folder = tiny_ddpm(tmp_path / "checkpoints" / "tiny")
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    del tensors["conv_in.weight"]
    save_file(tensors, path)
    with pytest.raises(ModelProblem, match="lacks 1 of its tensors"):
        loaded(tmp_path, "tiny")
    tensors["conv_in.weight"] = torch.full((16, 3, 3, 3), torch.nan)
    save_file(tensors, path)
    with pytest.raises(ModelProblem, match="not finite"):
        loaded(tmp_path, "tiny")

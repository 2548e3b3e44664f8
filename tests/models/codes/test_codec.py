"""A VQ model by itself against diffusers' own passes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import VQModel

from backend.models.codes.codec import CodesCodec
from tests.tiny_codes import CODES, FACTOR, SIZE_PX, tiny_codes


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VQModel:
    folder: Path = tiny_codes(tmp_path_factory.mktemp("codes") / "one", priors=(), sharper=False)
    return VQModel.from_pretrained(folder).eval()


@torch.no_grad()
def test_it_makes_what_the_model_makes(model: VQModel) -> None:
    codec = CodesCodec(model)
    picture = np.random.default_rng(0).integers(0, 256, (1, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    x = torch.from_numpy(picture).permute(0, 3, 1, 2).float() / 127.5 - 1
    latents = codec.encode(picture)[0]
    torch.testing.assert_close(latents, model.encode(x).latents)
    torch.testing.assert_close(codec.pixels(latents), model.decode(latents).sample)
    wanted = model.quantize(latents)[2][2].view(1, SIZE_PX // FACTOR, -1)
    assert torch.equal(codec.codes_of(latents), wanted)


@torch.no_grad()
def test_codes_and_their_entries_are_one_another(model: VQModel) -> None:
    codec = CodesCodec(model)
    assert codec.codes == CODES
    codes = torch.randint(0, CODES, (2, 3, 5))
    cells = codec.cells_of(codes)
    assert cells.shape == (2, 4, 3, 5)
    assert torch.equal(codec.codes_of(cells), codes)
    every = codec.cells_of(torch.arange(CODES)[None, None])
    torch.testing.assert_close(codec.unknown(), every.mean(dim=(2, 3), keepdim=True))

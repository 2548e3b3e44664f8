"""GGUF files of flow transformers draw what their numbers draw, and what diffusers does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from diffusers import FluxPipeline, FluxTransformer2DModel
from diffusers.quantizers.gguf.utils import GGUFParameter, dequantize_gguf_tensor

from backend.contracts.errors import ModelProblem
from backend.families.flow_file_loading import flux_names
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from tests.flow_files import as_gguf, flux_files, zimage_files
from tests.flow_side import FlowSide, asked, close, wanted


def unpacked_by_diffusers(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a file, by the package's reader and diffusers' arithmetic."""
    tensors: dict[str, torch.Tensor] = {}
    for tensor in gguf.GGUFReader(path).tensors:
        values = torch.from_numpy(np.array(tensor.data))
        if values.dtype == torch.uint8:
            values = dequantize_gguf_tensor(GGUFParameter(values, quant_type=tensor.tensor_type))
        tensors[tensor.name] = values.float()
    return tensors


@pytest.mark.parity
@pytest.mark.parametrize(
    ("write", "folder"), [(flux_files, "checkpoints"), (zimage_files, "diffusion_models")]
)
def test_it_draws_what_its_numbers_draw(
    tmp_path: Path, write: Callable[[Path], None], folder: str
) -> None:
    root = tmp_path / "models"
    write(root)
    place = root / folder
    as_gguf(place / "alone.safetensors", place / "small.gguf", plain=place / "unpacked.safetensors")
    side = FlowSide(root, tmp_path / "data")
    try:
        whole, small, unpacked = (
            side.drawn(wanted(name, steps=2, guidance_scale=3.0))
            for name in ("whole", "small", "unpacked")
        )
    finally:
        side.close()
    assert small.std() > 5
    assert np.array_equal(small, unpacked)
    assert 0 < np.abs(small.astype(int) - whole.astype(int)).mean() < 4


@pytest.mark.parity
def test_it_draws_what_diffusers_draws_from_it(tmp_path: Path) -> None:
    flux_files(tmp_path / "models")
    place = tmp_path / "models" / "checkpoints"
    as_gguf(place / "alone.safetensors", place / "small.gguf")
    # Its own loader takes every Flux.1 for one 3,072 wide, so the names are brought by ours.
    theirs = FluxTransformer2DModel.from_pretrained(place / "whole" / "transformer")
    theirs.load_state_dict(flux_names(unpacked_by_diffusers(place / "small.gguf")))
    side = FlowSide(tmp_path / "models", tmp_path / "data")
    try:
        settings = wanted("small", steps=2, guidance_scale=1.0)
        pipe = side.pipeline(FluxPipeline, "whole", transformer=theirs)
        assert close(side.drawn(settings), pipe(**asked(settings)).images) >= 0.999
        other = settings.model_copy(update={"prompt": "a fish in the sea at night"})
        assert close(side.drawn(other), pipe(**asked(settings)).images) < 0.99
    finally:
        side.close()


def test_it_is_listed_as_what_it_is_and_others_with_a_sentence(tmp_path: Path) -> None:
    flux_files(tmp_path)
    place = tmp_path / "checkpoints"
    as_gguf(place / "alone.safetensors", place / "small.gguf")
    as_gguf(tmp_path / "text_encoders" / "clip.safetensors", place / "other.gguf")
    (place / "torn.gguf").write_bytes((place / "small.gguf").read_bytes()[:-1000])
    catalog = Catalog([tmp_path], FAMILIES)
    assert catalog.checkpoint("small").family == "flux"
    for name, said in (("other", "of another model than Flux.1"), ("torn", "damaged or cut short")):
        with pytest.raises(ModelProblem, match=said):
            catalog.checkpoint(name)

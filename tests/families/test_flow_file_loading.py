"""A single file with parts beside it draws what the whole folder draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.contracts.errors import ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from tests.flow_files import flux_files, without, zimage_files
from tests.flow_side import FlowSide, wanted


@pytest.mark.parity
@pytest.mark.parametrize("write", [flux_files, zimage_files])
def test_it_draws_what_the_folder_draws(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "models")
    side = FlowSide(tmp_path / "models", tmp_path / "data")
    try:
        whole, alone = (
            side.drawn(wanted(name, steps=4, guidance_scale=3.0)) for name in ("whole", "alone")
        )
    finally:
        side.close()
    assert whole.std() > 5
    assert np.abs(whole.astype(int) - alone.astype(int)).max() <= 1


def test_what_is_missing_is_said_with_where_to_put_it(tmp_path: Path) -> None:
    flux_files(tmp_path)
    without(tmp_path, "vae/ae.safetensors", "text_encoders/t5.safetensors")
    catalog = Catalog([tmp_path], FAMILIES)
    with pytest.raises(ModelProblem) as told:
        catalog.checkpoint("alone")
    said = str(told.value)
    assert "the transformer of Flux.1 alone" in said
    assert "T5's encoder (32 wide, e.g. t5xxl_fp16.safetensors) in text_encoders" in said
    assert "an autoencoder of 16 channels (e.g. ae.safetensors) in vae" in said
    assert "CLIP" not in said


def test_a_file_that_is_cut_short_of_a_tensor_is_told(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    flux_files(tmp_path)
    path = tmp_path / "checkpoints" / "alone.safetensors"
    tensors = load_file(path)
    del tensors["model.diffusion_model.txt_in.bias"]
    save_file(tensors, path)
    side = FlowSide(tmp_path, tmp_path / "data")
    try:
        with pytest.raises(AssertionError, match="lacks 1 of its tensors"):
            side.drawn(wanted("alone", steps=1))
    finally:
        side.close()
    del tensors["model.diffusion_model.img_in.weight"]
    save_file(tensors, path)
    with pytest.raises(ModelProblem, match=r"lacks the tensor 'img_in\.weight'"):
        Catalog([tmp_path], FAMILIES).checkpoint("alone")

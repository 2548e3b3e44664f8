"""Names in single files; what `test_single_file.py` loads is told of here by shapes alone."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from backend.families.single_file_keys import beside_ns, shapes_of, tensors_of

FIRST = "model.diffusion_model.input_blocks.0.0.weight"


def written(path: Path, **tensors: torch.Tensor) -> Path:
    save_file(tensors, path)
    return path


def test_names_without_a_prefix_stay(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", **{FIRST: torch.ones(2, 4), "x": torch.ones(1)})
    assert set(shapes_of(path)) == set(tensors_of(path)) == {FIRST, "x"}
    assert beside_ns(path) == 0


def test_a_prefix_goes_from_those_that_have_it(tmp_path: Path) -> None:
    odd = {f"a.b.{FIRST}": torch.ones(2, 4), "a.b.first_stage_model.x": torch.ones(1)}
    path = written(tmp_path / "a.safetensors", **odd, other=torch.ones(1))
    assert set(shapes_of(path)) == {FIRST, "first_stage_model.x", "other"}


def test_an_autoencoder_inside_goes_before_one_beside(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", **{FIRST: torch.ones(2, 4)})
    written(tmp_path / "a.vae.safetensors", **{"decoder.x": torch.ones(3)})
    assert beside_ns(path) > 0
    assert shapes_of(path)["first_stage_model.decoder.x"] == (3,)
    written(path, **{FIRST: torch.ones(2, 4), "first_stage_model.decoder.x": torch.ones(5)})
    assert tensors_of(path)["first_stage_model.decoder.x"].shape == (5,)


def test_scales_are_multiplied_out(tmp_path: Path) -> None:
    tensors = {"x.weight": torch.full((2, 2), 1.5), "x.scale_weight": torch.tensor(2.0)}
    tensors |= {"z.weight": torch.ones(1), "z.weight_scale": torch.tensor(4.0)}
    path = written(tmp_path / "a.safetensors", **tensors, **{"y.scale_weight": torch.tensor(1.0)})
    assert torch.equal(tensors_of(path)["x.weight"], torch.full((2, 2), 3.0))
    assert float(tensors_of(path)["z.weight"]) == 4.0


def test_a_projection_saved_as_a_layer_is_the_matrix(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    path = written(tmp_path / "a.safetensors", **{"e.model.text_projection.weight": weight})
    assert shapes_of(path)["e.model.text_projection"] == (3, 2)
    assert torch.equal(tensors_of(path)["e.model.text_projection"], weight.T)
    own = {"e.model.text_projection": torch.ones(3, 2), "e.model.text_projection.weight": weight}
    assert torch.equal(
        tensors_of(written(path, **own))["e.model.text_projection"], torch.ones(3, 2)
    )

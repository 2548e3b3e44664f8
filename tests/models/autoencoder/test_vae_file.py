"""Separate autoencoders: layouts, scale, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

from backend.contracts.errors import BadInput, ModelProblem
from backend.families.registry import FAMILIES
from backend.models.autoencoder.vae import Vae
from backend.models.autoencoder.vae_file import SeparateVae, cache_key, load_vae, named_in
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from tests.original import _vae, _values
from tests.tiny import tiny_vae

CPU = pick("cpu", "float32")


def original_vae(path: Path, prefix: str = "", seed: int = 3) -> Path:
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        prefix + name.removeprefix("first_stage_model."): _values(name, shape, generator)
        for name, shape in _vae()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors | {"loss.logvar": torch.zeros(1)}, path)
    return path


def loaded(root: Path, name: str) -> SeparateVae:
    return load_vae(Catalog([root], FAMILIES).find("vae", name), CPU)


def decoded(vae: SeparateVae) -> torch.Tensor:
    z = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return vae.model.decode(z, return_dict=False)[0]


def test_every_layout_gives_the_same_autoencoder(tmp_path: Path) -> None:
    original_vae(tmp_path / "VAE" / "bare.safetensors")
    original_vae(tmp_path / "VAE" / "prefixed.safetensors", "first_stage_model.")
    original_vae(tmp_path / "Stable-diffusion" / "model.vae.safetensors")
    wanted = decoded(loaded(tmp_path, "bare"))
    theirs = AutoencoderKL.from_single_file(
        str(tmp_path / "VAE" / "bare.safetensors"), config=_config(tmp_path), local_files_only=True
    )
    theirs.save_pretrained(tmp_path / "VAE" / "folder")
    plain = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    save_file(plain, tmp_path / "VAE" / "renamed.safetensors")
    old = {
        name.replace(".to_q.", ".query.").replace(".to_out.0.", ".proj_attn."): tensor
        for name, tensor in plain.items()
    }
    save_file(old, tmp_path / "VAE" / "old.safetensors")
    for name in ("prefixed", "model.vae", "folder", "renamed", "old"):
        assert torch.equal(decoded(loaded(tmp_path, name)), wanted), name


def _config(tmp_path: Path) -> str:
    from tests.original import write_configs

    return str(write_configs(tmp_path / "configs", "sd1") / "vae")


def test_it_takes_the_checkpoints_scale(tmp_path: Path) -> None:
    original_vae(tmp_path / "vae" / "a.safetensors")
    own: Any = Vae(tiny_vae(), scaling_factor=0.13025)
    vae = loaded(tmp_path, "a").instead_of(own, "xl")
    assert vae.scaling_factor == 0.13025
    other: Any = AutoencoderKL(latent_channels=16, block_out_channels=(8,), norm_num_groups=4)
    with pytest.raises(BadInput, match="another kind of model than 'flux'"):
        loaded(tmp_path, "a").instead_of(Vae(other), "flux")


def test_what_is_no_autoencoder_is_listed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "vae").mkdir()
    save_file({"x": torch.zeros(1)}, tmp_path / "vae" / "other.safetensors")
    (tmp_path / "vae" / "pickle.pt").write_bytes(b"x")
    catalog = Catalog([tmp_path], FAMILIES)
    with pytest.raises(ModelProblem, match="holds no autoencoder"):
        catalog.find("vae", "other")
    with pytest.raises(ModelProblem, match="pickle"):
        catalog.find("vae", "pickle")


def test_a_damaged_file_never_runs(tmp_path: Path) -> None:
    path = original_vae(tmp_path / "vae" / "a.safetensors")
    from safetensors.torch import load_file

    tensors = load_file(path)
    del tensors["decoder.conv_out.bias"]
    save_file(tensors, path)
    with pytest.raises(ModelProblem, match="lacks 1 of its tensors"):
        loaded(tmp_path, "a")


def test_the_key_holds_precision_and_name() -> None:
    assert named_in(cache_key("my vae", torch.bfloat16)) == (torch.bfloat16, "my vae")

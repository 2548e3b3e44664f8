"""Which autoencoder a latent model without a prompt gets, and its scale."""

from __future__ import annotations

from pathlib import Path

from backend.models.autoencoder.vae import Vae
from backend.models.autoencoder.vq import Vq
from backend.models.enlarger import PlainPicture
from tests.staged import loaded
from tests.tiny_pixels import tiny_ldm


def test_each_kind_has_its_parts(tmp_path: Path) -> None:
    tiny_ldm(tmp_path / "checkpoints" / "vq")
    tiny_ldm(tmp_path / "checkpoints" / "kl", first="kl")
    tiny_ldm(tmp_path / "checkpoints" / "larger", larger=True)
    vq, kl, larger = (loaded(tmp_path, name) for name in ("vq", "kl", "larger"))
    assert isinstance(vq.codec, Vq)
    assert isinstance(kl.codec, Vae)
    assert sorted(vq.parts) == ["unet", "vqvae"]
    assert (vq.latent_channels, kl.latent_channels, vq.vae_factor) == (3, 4, 4)
    assert vq.codec.scaling_factor == 0.18215
    assert isinstance(larger.codec, Vq)
    assert larger.codec.scaling_factor == 1.0
    assert isinstance(larger.enlarger, PlainPicture)
    assert vq.enlarger is None

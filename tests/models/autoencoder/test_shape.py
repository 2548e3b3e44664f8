"""What a config tells of an autoencoder's latents."""

from __future__ import annotations

from backend.models.autoencoder.shape import shape_of


def test_a_level_halves_the_picture() -> None:
    config = {"block_out_channels": [128, 256, 512, 512], "latent_channels": 16}
    assert shape_of(config) == (8, 16, 128, 1)
    assert shape_of({}) == (1, 4, 128, 1)


def test_films_name_theirs_otherwise() -> None:
    config = {"z_dim": 16, "base_dim": 96, "temperal_downsample": [False, True, True]}
    assert shape_of(config) == (8, 16, 96, 1)


def test_squares_of_them_may_be_positions_of_the_networks() -> None:
    config = {
        "block_out_channels": [128, 256, 512, 512],
        "latent_channels": 32,
        "patch_size": [2, 2],
        "batch_norm_eps": 1e-4,
    }
    assert shape_of(config) == (16, 128, 128, 2)

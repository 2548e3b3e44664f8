"""When a picture goes through an autoencoder in tiles, how large they are, and what is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from backend.contracts.errors import OutOfMemory
from backend.models.autoencoder import tiling
from backend.models.autoencoder.tiling import decode_bytes, tiles, with_tiles
from backend.models.memory.memory_pressure import Thrift, in_force
from tests.tiny import tiny_vae

CPU = torch.device("cpu")
DONE = torch.zeros(1)


def test_the_peak_is_eight_maps_of_the_first_width() -> None:
    assert decode_bytes(512 * 512, 128, 2) == 8 * 512 * 512 * 128 * 2


class Short:
    """Work that fits only in tiles of at most `fits_px`, and what was tried."""

    def __init__(self, fits_px: int = 0, *, whole: bool = False) -> None:
        self.fits_px, self._whole = fits_px, whole
        self.tried: list[int | None] = []
        self.said: list[str] = []
        self.relieved = 0

    def _relieve(self) -> None:
        self.relieved += 1

    def whole(self) -> torch.Tensor:
        self.tried.append(None)
        return self._fits(self._whole)

    def in_tiles(self, side: int) -> torch.Tensor:
        self.tried.append(side)
        return self._fits(side <= self.fits_px)

    def _fits(self, yes: bool) -> torch.Tensor:
        if not yes:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return DONE

    def run(self, need_bytes: int, size_px: tuple[int, int]) -> torch.Tensor:
        with in_force(Thrift(self._relieve, self.said.append)):
            return with_tiles(self.whole, self.in_tiles, need_bytes, size_px, CPU)


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "free_bytes", lambda device: 1000)


def test_what_fits_is_done_at_once() -> None:
    work = Short(whole=True)
    assert work.run(800, (1024, 512)) is DONE
    assert (work.tried, work.said, work.relieved) == ([None], [], 0)


def test_what_is_foreseen_not_to_fit_goes_in_tiles_at_once() -> None:
    work = Short(512, whole=True)
    work.run(801, (1024, 512))
    assert work.tried == [512]
    assert work.said == [
        "Memory was short, so the picture went through the autoencoder in tiles of 512 px."
    ]


def test_a_failure_frees_memory_and_halves_the_tiles() -> None:
    work = Short(128)
    work.run(0, (1024, 512))
    assert work.tried == [None, 512, 256, 128]
    assert work.relieved == 3
    assert len(work.said) == 1


@pytest.mark.parametrize(
    ("size", "tried"),
    [
        ((640, 320), [320, 128]),
        ((320, 300), [128]),
        ((300, 256), [128]),
        ((8, 2048), [512, 256, 128]),
    ],
)
def test_tiles_are_at_most_half_the_picture_on_a_grid_of_64(
    size: tuple[int, int], tried: list[int]
) -> None:
    work = Short()
    with pytest.raises(OutOfMemory):
        work.run(2000, size)
    assert work.tried == tried


def test_a_small_picture_has_no_tiles_and_is_tried_twice() -> None:
    work = Short()
    with pytest.raises(OutOfMemory) as error:
        work.run(2000, (255, 192))
    assert work.tried == [None, None]
    assert work.relieved == 2
    assert str(error.value) == (
        "There is not enough memory for the autoencoder at 192x255 px, not even in tiles; "
        "choose 96x127 px, or free some memory."
    )


def test_another_failure_goes_on() -> None:
    def broken() -> torch.Tensor:
        raise RuntimeError("a shape does not fit")

    with pytest.raises(RuntimeError, match="shape"):
        with_tiles(broken, Short().in_tiles, 0, (1024, 1024), CPU)


def _sides(model: AutoencoderKL) -> tuple[bool, int, int]:
    return model.use_tiling, model.tile_sample_min_size, model.tile_latent_min_size


@pytest.mark.parametrize("leave", [lambda: None, lambda: 1 / 0])
def test_the_sides_are_set_and_set_back(leave: Callable[[], object]) -> None:
    model = tiny_vae()
    before = _sides(model)
    try:
        with tiles(model, 256, 8):
            assert _sides(model)[1:] == (256, 32)
            model.use_tiling = True
            leave()
    except ZeroDivisionError:
        pass
    assert _sides(model) == before

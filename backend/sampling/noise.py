"""Noise that depends on the seed of an image alone, never on its batch or device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from backend.sampling.types import NoiseSource


class SeededNoise:
    """One CPU generator an image, drawn as diffusers' `randn_tensor` draws from a list of them.

    Args:
        seeds: One seed an image, 0..2^64 - 1; only its lower 32 bits count on the CPU.
        shape: (C, h, w) of one image's latents.
        device: Where the noise is wanted; it is drawn on the CPU, in float32, whatever this is.
        dtype: What the float32 draws are converted to.
        pinned: Whether the device takes copies from page-locked memory without anybody waiting.
        others: Draw, from 0 -> its shape, where that is another: what is shown beside the latents
            may be noised from the same generators.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shape: tuple[int, int, int],
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        *,
        pinned: bool = False,
        others: Mapping[int, tuple[int, int, int]] | None = None,
    ) -> None:
        self._pinned = pinned
        self._seeds = tuple(seeds)
        self._shape = shape
        self._others = dict(others or {})
        self._device = torch.device(device)
        self._dtype = dtype
        self._restart()

    @property
    def draws(self) -> int:
        """How many times `draw` was called."""
        return self._draws

    def draw(self) -> torch.Tensor:
        """Next noise of every image, (B, C, h, w)."""
        noise = self._draw_on_cpu()
        if self._pinned:
            # A copy from pinned memory is queued; one from pageable memory waits for the device.
            return noise.pin_memory().to(self._device, self._dtype, non_blocking=True)
        return noise.to(self._device, self._dtype)

    def skip_to(self, draws: int) -> None:
        """Brings the source to the state it has after `draws` draws."""
        if draws < self._draws:
            self._restart()
        while self._draws < draws:
            self._draw_on_cpu()

    def _restart(self) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in self._seeds]
        self._draws = 0

    def _draw_on_cpu(self) -> torch.Tensor:
        shape = (1, *self._others.get(self._draws, self._shape))
        self._draws += 1
        return torch.cat(
            [
                torch.randn(shape, generator=generator, dtype=torch.float32)
                for generator in self._generators
            ]
        )


class VariationNoise:
    """The starting noise leans from one source towards another; all other noise is the first's.

    This is what A1111 calls variation seed and strength: 0 is the seed's own picture, 1 starts
    from the variation seed's noise, and noise that a sampler adds on its way follows the seed.

    Args:
        base: Noise of the seeds.
        other: Noise of the variation seeds, the same shape.
        strength: 0..1.
        leaning: Which draw is the starting noise; image-to-image draws the posterior before it.
    """

    def __init__(
        self, base: NoiseSource, other: NoiseSource, strength: float, leaning: int = 0
    ) -> None:
        self._base = base
        self._other = other
        self._strength = strength
        self._leaning = leaning

    @property
    def draws(self) -> int:
        """How many times `draw` was called."""
        return self._base.draws

    def draw(self) -> torch.Tensor:
        """Next noise of every image, (B, C, h, w)."""
        if self._base.draws != self._leaning:
            return self._base.draw()
        self._other.skip_to(self._leaning)
        # The angle is taken along the height, one for each channel and column, as A1111 does.
        return slerp(self._base.draw(), self._other.draw(), self._strength, dims=(-2,))

    def skip_to(self, draws: int) -> None:
        """Brings the source to the state it has after `draws` draws."""
        self._base.skip_to(draws)
        self._other.skip_to(min(draws, self._leaning + 1))


def slerp(
    a: torch.Tensor,
    b: torch.Tensor,
    t: float | torch.Tensor,
    dims: tuple[int, ...] = (-3, -2, -1),
) -> torch.Tensor:
    """Spherical interpolation from a to b (Shoemake 1985); linear where they are parallel.

    Args:
        a: (..., C, h, w).
        b: The same shape.
        t: 0..1; a tensor must broadcast against a, e.g. (B, 1, 1, 1).
        dims: Dimensions that make one vector; by default a whole image.
    """
    norms = ((a * a).sum(dim=dims, keepdim=True) * (b * b).sum(dim=dims, keepdim=True)).sqrt()
    cos = ((a * b).sum(dim=dims, keepdim=True) / norms).clamp(-1.0, 1.0)
    parallel = cos.abs() > 0.9995
    # Inside `where`, so that neither branch makes a NaN that would leak into the other.
    angle = torch.where(parallel, torch.full_like(cos, torch.pi / 2), cos.acos())
    sin = angle.sin()
    spherical = ((1 - t) * angle).sin() / sin * a + (t * angle).sin() / sin * b
    return torch.where(parallel, (1 - t) * a + t * b, spherical)

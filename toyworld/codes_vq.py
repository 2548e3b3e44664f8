"""The VQ-VAE of `pocket-codes`: pictures of 128 px as 16x16 cells, each one of 512 codes.

1711.00937 with the commitment of its eq. 3. Its levels grow from Pocket's autoencoder, whose outer
ones have the same widths; the codebook is laid by k-means once the levels fit again, and a code
that nothing uses is put where some cell of a picture is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, VQModel
from torch import Tensor
from torch.nn import functional

from toyworld.autoencoder import reconstruction_loss
from toyworld.dataset import Pool, random_crops, to_tensor
from toyworld.fitting import Fitting
from toyworld.grow import take
from toyworld.precision import swift_precision

SIDE_PX, CELLS, CODES = 128, 16, 512
COMMITMENT = 0.25


@dataclass(frozen=True)
class Recipe:
    """What decides a run of the VQ-VAE.

    Attributes:
        channels: Widths of the levels, Pocket's outer ones.
        latent: Channels of the cells within encoder and decoder.
        width: Numbers of a code.
        codes: How many.
        batch: Crops a step.
        crop_px: Their side: a crop costs a quarter of a picture, and cells see no farther.
        open_steps: So many steps are learned before there are codes: the levels fit one another.
        restart_every: After so many steps the codes that nothing uses are laid anew.
        restart_until: The last step that lays any, so that they settle.
        rate: Learning rate after warm-up.
        seed: Of weights, order and codebook.
    """

    channels: tuple[int, ...] = (16, 32, 64, 96)
    latent: int = 32
    width: int = 16
    codes: int = CODES
    batch: int = 8
    crop_px: int = 64
    open_steps: int = 200
    restart_every: int = 100
    restart_until: int = 1_500
    rate: float = 1.5e-3
    seed: int = 0


def new_model(recipe: Recipe, deep: AutoencoderKL | None = None) -> VQModel:
    """An untrained model; its levels begin with those of an autoencoder that are as wide.

    Args:
        recipe: Gives the widths.
        deep: The autoencoder; None begins from nothing.
    """
    torch.manual_seed(recipe.seed)
    levels = len(recipe.channels)
    model = VQModel(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=recipe.channels,
        layers_per_block=1,
        latent_channels=recipe.latent,
        sample_size=SIDE_PX,
        num_vq_embeddings=recipe.codes,
        vq_embed_dim=recipe.width,
        norm_num_groups=8,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )
    if deep is not None:
        take(model.encoder.conv_in, deep.encoder.conv_in)
        for ours, theirs in zip(model.encoder.down_blocks, deep.encoder.down_blocks, strict=False):
            take(ours, theirs)
        outer = deep.decoder.up_blocks[-levels:]
        for ours, theirs in zip(model.decoder.up_blocks, outer, strict=True):
            take(ours, theirs)
        take(model.decoder.conv_norm_out, deep.decoder.conv_norm_out)
        take(model.decoder.conv_out, deep.decoder.conv_out)
    return model


def encoded(model: VQModel, pictures: Tensor) -> Tensor:
    """(B, 3, H, W) in -1..1 -> (B, width, H/8, W/8), not yet codes."""
    return model.quant_conv(model.encoder(pictures))


def decoded(model: VQModel, cells: Tensor) -> Tensor:
    """(B, width, h, w) -> (B, 3, 8 h, 8 w)."""
    return model.decoder(model.post_quant_conv(cells))


def codes_of(model: VQModel, cells: Tensor) -> Tensor:
    """(B, width, h, w) -> (B, h, w) int64, the nearest code of each cell."""
    flat = cells.float().permute(0, 2, 3, 1).flatten(0, 2)
    nearest = torch.cdist(flat, model.quantize.embedding.weight.float()).argmin(dim=1)
    return nearest.view(len(cells), *cells.shape[2:])


def cells_of(model: VQModel, codes: Tensor) -> Tensor:
    """(B, h, w) int64 -> (B, width, h, w)."""
    return model.quantize.embedding(codes).permute(0, 3, 1, 2)


@torch.no_grad()
def all_codes(model: VQModel, pixels: np.ndarray, batch: int = 16) -> np.ndarray:
    """(N, H, W, 3) uint8 -> (N, h, w) int16."""
    found = []
    for start in range(0, len(pixels), batch):
        x = to_tensor(pixels[start : start + batch])
        with swift_precision():
            cells = encoded(model, x)
        found.append(codes_of(model, cells).numpy().astype(np.int16))
    return np.concatenate(found)


@torch.no_grad()
def pictures_of(model: VQModel, codes: np.ndarray, batch: int = 16) -> np.ndarray:
    """(N, h, w) codes -> (N, 8 h, 8 w, 3) uint8."""
    made = []
    for start in range(0, len(codes), batch):
        cells = cells_of(model, torch.from_numpy(codes[start : start + batch].astype(np.int64)))
        x = decoded(model, cells).clamp(-1, 1).add(1).mul(127.5).round()
        made.append(x.permute(0, 2, 3, 1).to(torch.uint8).numpy())
    return np.concatenate(made)


def centres(cells: Tensor, count: int, seed: int, turns: int = 8) -> Tensor:
    """(count, width): k-means of cells (N, width), begun at cells drawn by the seed."""
    chance = torch.Generator().manual_seed(seed)
    found = cells[torch.randperm(len(cells), generator=chance)[:count]].clone()
    for _ in range(turns):
        nearest = torch.cdist(cells, found).argmin(dim=1)
        sums = torch.zeros_like(found).index_add_(0, nearest, cells)
        counts = torch.bincount(nearest, minlength=count)[:, None]
        found = torch.where(counts > 0, sums / counts.clamp_min(1), found)
    return found


class CodesTrainer(Fitting[VQModel]):
    """A run; its state in `work` brings the optimiser back.

    Args:
        recipe: What decides it.
        work: Folder of its state.
        pool: Drawn scenes of 128 px.
        deep: The autoencoder that it grows from.
    """

    def __init__(
        self, recipe: Recipe, work: Path, pool: Pool, deep: AutoencoderKL | None = None
    ) -> None:
        super().__init__(new_model(recipe, deep), work, recipe.rate)
        self.recipe, self.pool = recipe, pool

    def crops(self, *, count: int, salt: int = 0) -> Tensor:
        """(count, 3, side, side) of this step, half of them mirrored."""
        rng = np.random.default_rng((self.recipe.seed, self.step, salt))
        x = random_crops(self.pool, rng, count, self.recipe.crop_px)
        turned = torch.from_numpy(rng.random(count) < 0.5)[:, None, None, None]
        return torch.where(turned, x.flip(-1), x).contiguous()

    def loss(self) -> Tensor:
        """Reconstruction, the codes' pull to the cells and a quarter of the other way round."""
        recipe = self.recipe
        if self.step >= recipe.open_steps and self._due():
            self.lay_codes()
        x = self.crops(count=recipe.batch)
        with swift_precision():
            cells = encoded(self.net, x).float()
            if self.step < recipe.open_steps:
                made = decoded(self.net, cells)
                return reconstruction_loss(made.float(), x) + 0.02 * cells.square().mean()
            chosen = cells_of(self.net, codes_of(self.net, cells))
            made = decoded(self.net, cells + (chosen - cells).detach())
        pull = functional.mse_loss(chosen, cells.detach())
        commitment = functional.mse_loss(cells, chosen.detach())
        return reconstruction_loss(made.float(), x) + pull + COMMITMENT * commitment

    def _due(self) -> bool:
        since = self.step - self.recipe.open_steps
        return since % self.recipe.restart_every == 0 and self.step <= self.recipe.restart_until

    @torch.no_grad()
    def lay_codes(self) -> None:
        """All codes at first; later those that next to nothing of some pictures uses."""
        with swift_precision():
            cells = encoded(self.net, self.crops(count=128, salt=1)).float()
        flat = cells.permute(0, 2, 3, 1).flatten(0, 2)
        book = self.net.quantize.embedding.weight
        if self.step == self.recipe.open_steps:
            book.copy_(centres(flat, len(book), self.recipe.seed))
            self._follow()
            return
        nearest = torch.cdist(flat, book)
        counts = torch.bincount(nearest.argmin(dim=1), minlength=len(book))
        dead = (counts < 2).nonzero().flatten()
        if not len(dead):
            return
        # Where the codes lie worst: farther cells are likelier.
        chance = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        away = nearest.min(dim=1).values.square() + 1e-9
        book[dead] = flat[torch.multinomial(away, len(dead), generator=chance)]
        self._follow()

    def _follow(self) -> None:
        """The average takes the codes as they lie now: a mean of two places is neither."""
        book = self.net.quantize.embedding.weight
        for weight, mean in zip(self._weights, self._average, strict=True):
            if weight is book:
                mean.copy_(weight)


def psnr_db(model: VQModel, pixels: np.ndarray) -> float:
    """Mean of the pictures' own, of (N, 128, 128, 3) through their codes."""
    made = pictures_of(model, all_codes(model, pixels)).astype(np.float64)
    error = ((made - pixels) ** 2).reshape(len(pixels), -1).mean(1)
    return float(np.mean(10 * np.log10(255.0**2 / np.maximum(error, 1e-6))))


def used_share(codes: np.ndarray, count: int = CODES) -> float:
    """Share of a codebook that (N, h, w) codes use."""
    return len(np.unique(codes)) / count


def perplexity(codes: np.ndarray, count: int = CODES) -> float:
    """2 to the entropy in bits: as many codes used evenly would tell as much."""
    shares = np.bincount(codes.reshape(-1).astype(np.int64), minlength=count) / codes.size
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))

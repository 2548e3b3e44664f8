"""Priors over codes: what the next cell of a picture may be, given those before it and a prompt.

Both are models of diffusers' kind: `config.json` beside half-precision safetensors. Cells are drawn
row by row, each row from the left.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from diffusers import configuration_utils
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from backend.models.codes.layers import Block, MaskedStack, Memory

_untyped: Any = configuration_utils
_configured = _untyped.register_to_config  # what it is called with becomes `config.json`
Predict = Callable[[Tensor, int, int], Tensor]
"""(B, K) logits of one cell, from (B, h, w) codes, its row and its column."""


class Prior(ModelMixin, ConfigMixin):
    """What all of them share: (B, h, w) codes and a prompt to (B, h, w, K) logits.

    The logits of a cell depend on the cells before it alone.
    """

    side: int
    """Cells to a side that it has learned; a larger picture is seen through a window."""
    positions: int
    """Of the prompt's embedding, which it reads."""

    def shown(self, context: Tensor) -> Tensor:
        """(B, positions, D): the first of a prompt's embeddings, filled up with nothing."""
        missing = max(0, self.positions - context.shape[1])
        return nn.functional.pad(context[:, : self.positions], (0, 0, 0, missing))

    def at(self, codes: Tensor, row: int, column: int, context: Tensor) -> Tensor:
        """(B, K) logits of one cell; of codes only those before it are looked at."""
        return self(codes[:, : row + 1], context)[:, row, column]

    def reading(self, context: Tensor) -> Predict:
        """`at` of one prompt, for a walk through a picture of no more cells than it has learned.

        It may remember what it has computed. How it came to a cell changes none of its bits.

        Args:
            context: (B, n, D).
        """
        return partial(self._at_of, context)

    def _at_of(self, context: Tensor, codes: Tensor, row: int, column: int) -> Tensor:
        return self.at(codes, row, column, context)


class GatedPixelCNN(Prior):
    """Gated masked convolutions that are told the prompt in every layer (1606.05328)."""

    @_configured
    def __init__(
        self,
        codes: int = 512,
        side: int = 16,
        width: int = 80,
        layers: int = 8,
        kernel: int = 5,
        context_width: int = 192,
        context_positions: int = 32,
        queries: int = 4,
    ) -> None:
        """The layers.

        Args:
            codes: K of the codebook.
            side: Cells to a side.
            width: Of the maps.
            layers: How many.
            kernel: Cells to a side that a layer sees; odd.
            context_width: D of the prompt's embedding.
            context_positions: Of it, how many are read.
            queries: How many means of the prompt's embedding are told.
        """
        super().__init__()
        self.side, self.positions = side, context_positions
        self.code = nn.Embedding(codes, width)
        self.place = nn.Parameter(torch.zeros(1, width, side, side))
        self.query = nn.Parameter(torch.randn(queries, context_width) * context_width**-0.5)
        self.stack = nn.ModuleList(
            MaskedStack(width, kernel, first=number == 0) for number in range(layers)
        )
        self.told = nn.Linear(queries * context_width, width)
        self.inner = nn.Conv2d(width, 2 * width, 1)
        self.outer = nn.Conv2d(2 * width, codes, 1)

    def forward(self, codes: Tensor, context: Tensor) -> Tensor:
        """See `Prior`; context: (B, n, D)."""
        context = self.shown(context)
        shares = torch.einsum("qd,bnd->bqn", self.query, context).softmax(dim=-1)
        told = self.told(torch.einsum("bqn,bnd->bqd", shares, context).flatten(1))
        height, width = codes.shape[1:]
        place = self.place[:, :, :height, :width]
        down = across = self.code(codes).permute(0, 3, 1, 2)
        for number, layer in enumerate(self.stack):
            down, across = layer(down, across, told)
            if number == 0:  # where a cell lies is told beside what was seen, not in its place
                down, across = down + place, across + place
        return self.outer(self.inner(across).relu()).permute(0, 2, 3, 1)


class CodesTransformer(Prior):
    """A transformer over the prompt and then the codes, as VQGAN's is (2012.09841, sec. 3.2)."""

    @_configured
    def __init__(
        self,
        codes: int = 512,
        side: int = 16,
        width: int = 160,
        layers: int = 5,
        heads: int = 5,
        context_width: int = 192,
        context_positions: int = 32,
    ) -> None:
        """The layers.

        Args:
            codes: K of the codebook.
            side: Cells to a side.
            width: Of each place.
            layers: How many.
            heads: Of the attention.
            context_width: D of the prompt's embedding.
            context_positions: Of it, how many are read.
        """
        super().__init__()
        self.side, self.positions = side, context_positions
        self.read = nn.Linear(context_width, width)
        self.begin = nn.Parameter(torch.zeros(1, 1, width))
        self.code = nn.Embedding(codes, width)
        self.word = nn.Parameter(torch.randn(1, context_positions, width) * 0.02)
        self.row = nn.Parameter(torch.randn(side, 1, width) * 0.02)
        self.column = nn.Parameter(torch.randn(1, side, width) * 0.02)
        self.stack = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, codes)
        nn.init.normal_(self.code.weight, std=0.02)

    def forward(self, codes: Tensor, context: Tensor) -> Tensor:
        """See `Prior`; context: (B, n, D)."""
        batch, height, width = codes.shape
        words = self.read(self.shown(context)) + self.word
        before = self.code(codes.flatten(1))[:, :-1]
        before = torch.cat([self.begin.expand(batch, -1, -1).to(before.dtype), before], dim=1)
        places = (self.row[:height] + self.column[:, :width]).flatten(0, 1)
        x = torch.cat([words, before + places], dim=1)
        hidden = self._hidden(x.shape[1], x.device)
        for layer in self.stack:
            x = layer(x, hidden)
        cells = self.norm(x[:, self.positions :])
        return self.out(cells).view(batch, height, width, -1)

    def reading(self, context: Tensor) -> Predict:
        """See `Prior`; each cell is computed once."""
        return Reading(self, context)

    def _hidden(self, places: int, device: torch.device) -> Tensor:
        """(places, places): the prompt sees itself, a cell the prompt and what came before."""
        later = torch.full((places, places), float("-inf"), device=device).triu(1)
        later[: self.positions, : self.positions] = 0.0
        return later


class Reading:
    """A walk of a transformer through cells: keys and values of those before are remembered.

    Cells are computed one at a time even where several are new, so that a walk that was cut, and
    goes on from a cell, comes to the same bits.
    """

    def __init__(self, prior: CodesTransformer, context: Tensor) -> None:
        """`context`: (B, n, D)."""
        self._prior = prior
        self._layers = [(block, Memory()) for block in prior.stack]
        words = prior.read(prior.shown(context)) + prior.word
        places = prior.positions
        self._run(words, words.new_zeros(places, places))
        self._codes = torch.zeros(len(context), 0, dtype=torch.int64, device=words.device)
        self._width = 0

    def __call__(self, codes: Tensor, row: int, column: int) -> Tensor:
        """(B, K) logits of one cell; of codes (B, h, w) only those before it are looked at."""
        prior, width = self._prior, codes.shape[2]
        before = codes.flatten(1)[:, : row * width + column]
        first = self._known(before) if width == self._width else 0
        for _, memory in self._layers:
            memory.cut(prior.positions + first)
        x = prior.begin
        for place in range(first, before.shape[1] + 1):
            came = prior.code(before[:, place - 1]) if place else prior.begin[:, 0]
            at = prior.row[place // width, 0] + prior.column[0, place % width]
            x = (came + at).expand(len(codes), -1)[:, None]
            x = self._run(x, x.new_zeros(1, prior.positions + place + 1))
        self._codes, self._width = before, width
        return prior.out(prior.norm(x[:, 0]))

    def _known(self, before: Tensor) -> int:
        """How many cells need not be computed again; the last is, since its odds are asked for."""
        both = min(before.shape[1], self._codes.shape[1])
        same = (before[:, :both] == self._codes[:, :both]).all(dim=0)
        alike = int(same.long().cumprod(dim=0).sum())
        return min(alike + 1, before.shape[1], self._codes.shape[1] + bool(self._width))

    def _run(self, x: Tensor, hidden: Tensor) -> Tensor:
        for block, memory in self._layers:
            x = block(x, hidden, memory)
        return x


PRIORS: dict[str, type[Prior]] = {
    "transformer": CodesTransformer,
    "pixelcnn": GatedPixelCNN,
}
"""By the folder that each lies in, beside the codebook."""

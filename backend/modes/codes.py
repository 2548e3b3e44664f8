"""A picture drawn code by code: a prior is one more generator of steps for the one loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from backend.contracts.errors import BadInput
from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.settings.codes import CodesSettings
from backend.models.codes.codec import CodesCodec
from backend.models.codes.maps import code_map, psnr_db
from backend.models.codes.network import CodesNetwork
from backend.models.codes.priors import Predict, Prior
from backend.modes.context import Context
from backend.modes.leasing import Held, Needs
from backend.modes.mode import PictureMode, Task
from backend.modes.record import input_facts, outputs
from backend.modes.run import Run, conduct, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import check_branch, seeds
from backend.modes.watching import Shown
from backend.pictures.fit import fit
from backend.sampling.raster import Cell, Choice, raster
from backend.sampling.types import State, Step


@dataclass(frozen=True, eq=False)
class Cells:
    """A walk over cells: x is the codes' entries, x0 the same with what is not drawn yet blank.

    Attributes:
        prior: Names the odds.
        codec: Of the codebook.
        context: (B, n, D), what the prior is told.
        codes: (B, h, w) before the first step.
        cells: Which are drawn, in this order.
        draws: (B, h, w) in 0..1.
        choice: How a code is chosen.
        first: Number of the first cell that is drawn.
        stage: Whose job may stop before each cell.
    """

    prior: Prior
    codec: CodesCodec
    context: torch.Tensor
    codes: torch.Tensor
    cells: tuple[Cell, ...]
    draws: torch.Tensor
    choice: Choice
    first: int
    stage: Stage[CodesSettings]

    @property
    def x(self) -> torch.Tensor:
        return self.codec.cells_of(self.codes)

    @property
    def scale(self) -> float:
        return 1.0

    @torch.no_grad()
    def steps(self) -> Iterator[Step]:
        """A step a cell."""
        total, blank = len(self.cells), self.codec.unknown()
        drawn = raster(
            partial(self._odds, self._reading()),
            self.codes,
            self.cells,
            self.draws,
            self.choice,
            self.prior.side,
            self.first,
        )
        hidden = torch.zeros_like(self.codes[:1], dtype=torch.bool)[:, None]
        for row, column in self.cells[self.first :]:
            hidden[..., row, column] = True
        for number, codes in drawn:
            row, column = self.cells[number]
            hidden[..., row, column] = False
            x = self.codec.cells_of(codes)
            yield Step(number, total, 0.0, x, torch.where(hidden, blank, x), State({}, number + 1))

    def _reading(self) -> Predict:
        """What names the odds; a window that slides leaves nothing to be remembered."""
        if max(self.codes.shape[1:]) <= self.prior.side:
            return self.prior.reading(self.context)
        return partial(self.prior.at, context=self.context)

    def _odds(self, read: Predict, codes: torch.Tensor, row: int, column: int) -> torch.Tensor:
        self.stage.context.check()
        return read(codes, row, column).float()


def run(request: Task[CodesSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `CodesSettings`; a picture "image" is taken for its codes, `branch`
            goes on from a cell of an earlier run.
        context: The job's surroundings.

    Yields:
        One `Output` a picture, beside it the map of its codes.

    Raises:
        BadInput: The model lacks what is asked for.
    """
    return conduct(Needs.of(request.settings), context, partial(_drawn, request, context))


def _drawn(request: Task[CodesSettings], context: Context, held: Held) -> Iterator[Output]:
    settings, network = request.settings, held.model.network
    if not isinstance(network, CodesNetwork):
        raise BadInput(f"'{held.model.name}' has no codebook; choose a VQModel folder.", "model")
    codec = network.decoders.get(settings.decoder)
    if codec is None:
        there = ", ".join(network.decoders)
        raise BadInput(f"'{held.model.name}' decodes by {there} alone; choose that.", "decoder")
    stage = stage_of(settings, replace(held.model, codec=codec), context)
    source = _fitted(settings, request.images.get("image"))
    codes = _begun(stage, codec, source)
    cells = settings.cells(*codes.shape[1:])
    if cells:
        latents = drive(_run(request, stage, codec, network, codes, cells))
        codes = codec.codes_of(latents)
    else:
        latents = codec.cells_of(codes)
    context.report(Progress("decoding"))
    maps = codes.cpu().numpy()
    facts = input_facts(request.images)
    for output in outputs(stage, latents, facts):
        found = maps[output.index]
        views = {"codes": code_map(found, codec.factor)}
        told = {
            "codebook": codec.codes,
            "used": len(np.unique(found)),
            "codes": found.tolist(),
        }
        if source is not None:
            told["psnr_db"] = round(psnr_db(output.image, source), 2)
            views["difference"] = _difference(output.image, source)
        context.inform({**told, "lab": told})
        yield replace(output, views=views)


def _run(
    request: Task[CodesSettings],
    stage: Stage[CodesSettings],
    codec: CodesCodec,
    network: CodesNetwork,
    codes: torch.Tensor,
    cells: tuple[Cell, ...],
) -> Run:
    settings, context = stage.settings, stage.context
    prior = network.priors.get(settings.prior)
    if prior is None:
        there = ", ".join(network.priors)
        what = f"has no such prior; choose {there}" if there else "has no prior that draws codes"
        raise BadInput(f"'{stage.model.name}' {what}.", "prior")
    before: tuple[Step, ...] = ()
    if request.branch is not None:
        branch = request.branch
        if branch.fan:
            raise BadInput("A branch of codes goes on as it is; take another seed instead.")
        stored = [context.branches.load(branch.token, i) for i in range(branch.step + 1)]
        check_branch(stored[-1].settings, settings, branch)
        before = tuple(past.step for past in stored)
        if before[-1].total != len(cells):
            raise BadInput("That run drew other cells; set them back, or start a new run.")
        codes = codec.codes_of(before[-1].x)
    first = len(before)

    def walk() -> Cells:
        context.report(Progress("encoding"))
        read = stage.model.text.encode([settings.prompt]).context
        told = read.to(codes.device, prior.dtype).expand(len(codes), -1, -1)
        choice = Choice(settings.temperature, settings.top_k)
        draws = _draws(settings, *codes.shape[1:])
        return Cells(prior, codec, told, codes, cells, draws, choice, first, stage)

    return Run(walk, Shown(stage, before=before))


def _draws(settings: CodesSettings, height: int, width: int) -> torch.Tensor:
    """(B, h, w) in 0..1: a chance of its own for each cell, whichever are drawn."""
    rows: list[torch.Tensor] = []
    for seed in seeds(settings):
        chance = torch.Generator().manual_seed(seed)
        rows.append(torch.rand(height, width, generator=chance, dtype=torch.float64))
    return torch.stack(rows)


def _begun(stage: Stage[CodesSettings], codec: CodesCodec, source: Pixels | None) -> torch.Tensor:
    """(B, h, w): the picture's codes, or any, with what is painted put in."""
    settings = stage.settings
    width, height = (side // codec.factor for side in settings.drawn_size)
    if source is None:
        device = stage.model.target.device
        codes = torch.zeros(1, height, width, dtype=torch.int64, device=device)
    else:
        stage.context.report(Progress("encoding"))
        codes = codec.codes_of(codec.encode(source[None], stage.context.check)[0])
    for row, column, code in settings.painted:
        if code >= codec.codes:
            raise BadInput(
                f"There are {codec.codes} codes, counted from 0; {code} is none.", "paint"
            )
        if row < height and column < width:
            codes[:, row, column] = code
    return codes.repeat(settings.batch_size, 1, 1)


def _fitted(settings: CodesSettings, picture: Pixels | None) -> Pixels | None:
    if picture is None:
        return None
    return np.ascontiguousarray(fit(picture, *settings.drawn_size, "crop").image)


def _difference(made: Pixels, wanted: Pixels) -> Pixels:
    """How far each pixel is off, four times as bright."""
    off = np.abs(made.astype(np.int16) - wanted) * 4
    return off.clip(0, 255).astype(np.uint8)


MODE = PictureMode(CodesSettings, run)

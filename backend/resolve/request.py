"""A request and the library -> what runs: complete settings, and each run of them by itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import assert_never

from backend.contracts.library import Library, ModelEntry
from backend.contracts.requests import (
    AnyRequest,
    Request,
    ResolvedRequest,
    Runnable,
    TrainDigitsRequest,
    TrainLoraRequest,
    VideoRequest,
    check_pictures,
)
from backend.contracts.settings import MAX_DRAWN_SEED, Settings, XyzGridSettings
from backend.resolve import able, cascade, enlarged, grids, names, possible, wildcards
from backend.resolve.comments import take_comments
from backend.resolve.prompt_loras import take_loras
from backend.resolve.training import resolve_training

DrawSeed = Callable[[], int]


def any_seed() -> int:
    """A seed that nobody can foresee, 0..2**32 - 1."""
    return random.SystemRandom().randint(0, MAX_DRAWN_SEED)


def resolve(request: AnyRequest, library: Library, draw: DrawSeed = any_seed) -> Runnable:
    """Settles what was asked for.

    Args:
        request: As a person or a script asked.
        library: What there is.
        draw: Draws seeds where they are open.

    Raises:
        BadInput: A name is unknown, a picture is missing, or the parts do not go together.
        ModelProblem: What is named is there but cannot be used.
    """
    match request:
        case TrainLoraRequest():
            return resolve_training(request, library)
        case Request():
            return resolve_pictures(request, library, draw)
        case VideoRequest() | TrainDigitsRequest():
            return request
        case _:
            assert_never(request)


def resolve_pictures(
    request: Request, library: Library, draw: DrawSeed = any_seed
) -> ResolvedRequest:
    """`resolve` for requests that make pictures."""
    check_pictures(request)
    asked = request.settings.for_pictures(request.images)
    asked = enlarged.sized(asked, request, library)
    settings, runs = _settled(asked, request, library, draw)
    save = request.save and settings.save
    return ResolvedRequest(settings, request.images, request.branch, save, runs)


def complete(settings: Settings, library: Library, draw: DrawSeed = any_seed) -> Settings:
    """The settings as `resolve` would make them, for a forecast before there are pictures."""
    return _settled(settings, Request(settings), library, draw)[0]


def _settled(
    asked: Settings, request: Request, library: Library, draw: DrawSeed
) -> tuple[Settings, tuple[Settings, ...]]:
    """Complete settings, and the runs that they come to."""
    asked = names.called(asked, library)
    if isinstance(asked, XyzGridSettings):
        grid = recommended(grids.spelled(asked, library), names.model(library, asked.model), draw)
        assert isinstance(grid, XyzGridSettings)
        _check_names(grid, library)
        cells = grids.cells(grid, library)
        return grid, tuple(_settled(cell, request, library, draw)[0] for cell in cells)
    asked = take_comments(asked)
    asked = take_loras(asked)  # a grid replaces words in them: each cell takes its own
    asked = names.called(asked, library)
    asked = cascade.recommended(enlarged.recommended(asked, library), library)
    model = _model(asked, library)
    settings = wildcards.apart(recommended(asked, model, draw))
    runs = tuple(
        _run(settings if settings.batch_count == 1 else settings.batch(number), request, library)
        for number in range(settings.batch_count)
    )
    if len(runs) == 1:
        return runs[0], runs
    return _run(settings, request, library, drawn=False), runs


def recommended(settings: Settings, model: ModelEntry, draw: DrawSeed) -> Settings:
    """The settings with what the model recommends, and seeds, where they were left open."""
    named = settings.model_copy(update={"model": model.name})
    return named.resolved(
        native_size=model.native_size,
        grid_px=model.sizes.step_px,
        guidance_scale=model.guidance_scale,
        seed=draw(),
        variation_seed=draw(),
    )


def _run(settings: Settings, request: Request, library: Library, *, drawn: bool = True) -> Settings:
    """One run: words drawn by its own seed, and everything that it names looked up."""
    if drawn:
        settings = take_loras(wildcards.drawn(settings, library.wildcards))  # lines name them too
        settings = names.called(settings, library)
    _check_names(settings, library)
    if not settings.needs_model:
        return settings
    names.check_loras_fit(settings, library)
    names.check_adapter(settings, library)
    model = names.model(library, settings.model)
    able.check(settings, request.images, model)
    cascade.check(settings, library)
    settings = names.with_controlnet(settings, library)
    possible.check(settings, request, library)
    return settings


def _check_names(settings: Settings, library: Library) -> None:
    names.check_loras(settings, library)
    names.check_vae(settings, library)
    enlarged.check(settings, library)


def _model(settings: Settings, library: Library) -> ModelEntry:
    """The checkpoint that they name; one without a name where none is at work."""
    return names.model(library, settings.model) if settings.needs_model else ModelEntry("")

"""The trainer of `pocket-pixels`, for a few steps of a small network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.staged import drawn as drawn_by
from tests.staged import loaded, staged
from toyworld.checkpoint import Clock
from toyworld.pixels import PixelTrainer, Recipe, export
from toyworld.things import NAMES, Things, drawn

SMALL = Recipe(channels=(16, 32), batch=8)


@pytest.fixture(scope="module")
def things() -> Things:
    return drawn(1, 24)


def quiet(line: str) -> None:
    return None


def test_a_run_that_is_cut_goes_on_as_if_it_had_not_been(tmp_path: Path, things: Things) -> None:
    whole = PixelTrainer(SMALL, tmp_path / "whole", things)
    whole.run(Clock(steps=4), quiet)
    cut = PixelTrainer(SMALL, tmp_path / "cut", things)
    loss = cut.loss

    def until_the_third() -> torch.Tensor:
        if cut.step == 2:
            raise KeyboardInterrupt
        return loss()

    cut.loss = until_the_third  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        cut.run(Clock(steps=4), quiet)
    cut.save()
    again = PixelTrainer(SMALL, tmp_path / "cut", things)
    assert again.step == 2
    again.run(Clock(steps=4), quiet)
    assert again.step == 4
    assert all(map(torch.equal, again.net.parameters(), whole.net.parameters()))
    assert all(map(torch.equal, again.averaged().parameters(), whole.averaged().parameters()))


def test_it_learns(tmp_path: Path, things: Things) -> None:
    trainer = PixelTrainer(replace(SMALL, rate=2e-2), tmp_path, things)

    def error() -> float:
        at, trainer.step = trainer.step, 0  # of the same things, levels and noise
        with torch.no_grad():
            found = float(trainer.loss())
        trainer.step = at
        return found

    before = error()
    trainer.run(Clock(steps=40), quiet)
    assert error() < 0.8 * before


def test_the_folder_is_one_that_the_studio_draws_with(tmp_path: Path, things: Things) -> None:
    trainer = PixelTrainer(SMALL, tmp_path / "work", things)
    folder = tmp_path / "checkpoints" / "pocket-pixels"
    export(trainer, folder)
    export(trainer, folder)  # over an older one
    assert [path.name for path in folder.parent.iterdir()] == ["pocket-pixels"]
    model = loaded(tmp_path, "pocket-pixels")
    assert model.info.anatomy.can.classes == len(NAMES)
    assert model.info.card.known_words == NAMES
    assert model.scheduler_config["beta_end"] == 0.02
    first = drawn_by(staged(model, sampler="ddpm", steps=3, class_label=1))
    other = drawn_by(staged(model, sampler="ddpm", steps=3, class_label=2))
    assert first.shape == (1, 32, 32, 3)
    assert not np.array_equal(first, other)

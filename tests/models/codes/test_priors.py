"""Priors look at nothing but what came before, and are kept in diffusers' layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backend.models.codes.priors import PRIORS, CodesTransformer, GatedPixelCNN, Prior


def made(name: str) -> Prior:
    torch.manual_seed(0)
    own = {"heads": 2} if name == "transformer" else {"kernel": 3, "queries": 2}
    told = {"context_width": 6, "context_positions": 5}
    prior = PRIORS[name](codes=9, side=6, width=8, layers=3, **own, **told)
    return prior.eval()


@pytest.mark.parametrize("name", PRIORS)
@torch.no_grad()
def test_a_cell_depends_on_those_before_it_alone(name: str) -> None:
    prior, context = made(name), torch.randn(1, 5, 6)
    codes = torch.randint(0, 9, (1, 6, 6))
    plain = prior(codes, context)
    for row, column in ((0, 0), (2, 3), (3, 5), (5, 5)):
        other = codes.clone()
        other[:, row, column] = (other[:, row, column] + 1) % 9
        moved = (prior(other, context) - plain).abs().amax(dim=-1)[0].flatten() > 1e-7
        place = 6 * row + column
        assert not moved[: place + 1].any()
        if place < 35:
            assert moved[place + 1]


@pytest.mark.parametrize("name", PRIORS)
@torch.no_grad()
def test_all_that_came_before_is_seen(name: str) -> None:
    """No blind spot, as a stack of masked convolutions has on its right."""
    torch.manual_seed(0)
    prior = made(name)
    codes, context = torch.randint(0, 9, (1, 6, 6)), torch.randn(1, 5, 6)
    plain = prior(codes, context)[0, 3, 3]
    for row, column in ((2, 4), (2, 5), (1, 0), (3, 0)):
        other = codes.clone()
        other[:, row, column] = (other[:, row, column] + 1) % 9
        assert (prior(other, context)[0, 3, 3] - plain).abs().max() > 1e-8, (row, column)


@pytest.mark.parametrize("name", PRIORS)
@torch.no_grad()
def test_one_cell_is_that_of_the_whole(name: str) -> None:
    prior, context = made(name), torch.randn(2, 5, 6)
    codes = torch.randint(0, 9, (2, 4, 6))
    whole = prior(codes, context)
    torch.testing.assert_close(prior.at(codes, 2, 4, context), whole[:, 2, 4])


@pytest.mark.parametrize("name", PRIORS)
@torch.no_grad()
def test_the_prompt_is_heard_up_to_its_positions(name: str) -> None:
    prior, codes = made(name), torch.randint(0, 9, (1, 6, 6))
    context = torch.randn(1, 8, 6)
    told = prior(codes, context)
    assert (prior(codes, context + 1.0 * torch.randn(1, 8, 6)) - told).abs().max() > 1e-4
    beyond = context.clone()
    beyond[:, 5:] += 1.0
    assert torch.equal(prior(codes, beyond), told)
    assert prior(codes, context[:, :2]).shape == told.shape


def test_they_are_kept_and_opened(tmp_path: Path) -> None:
    for name, cls in (("transformer", CodesTransformer), ("pixelcnn", GatedPixelCNN)):
        prior = made(name)
        prior.save_pretrained(tmp_path / name)
        again = cls.from_pretrained(tmp_path / name)
        assert (again.side, again.positions) == (6, 5)
        for key, weight in prior.state_dict().items():
            assert torch.equal(again.state_dict()[key], weight)

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
        # The next in its row; at the end of one that below it: three layers reach three cells.
        after = place + (1 if column < 5 else 6)
        if after < 36:
            assert moved[after]


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


@pytest.mark.parametrize("name", PRIORS)
@torch.no_grad()
def test_a_walk_that_remembers_names_the_same_odds(name: str) -> None:
    prior, context = made(name), torch.randn(2, 5, 6)
    codes = torch.randint(0, 9, (2, 6, 6))
    read = prior.reading(context)
    for row, column in ((0, 0), (0, 1), (0, 2), (1, 0), (3, 4), (3, 5), (2, 1), (5, 5)):
        wanted = prior.at(codes, row, column, context)
        torch.testing.assert_close(read(codes, row, column), wanted, rtol=1e-4, atol=1e-5)
    other = codes.clone()
    other[:, 1, 1] = (other[:, 1, 1] + 1) % 9  # what was drawn there is drawn anew
    wanted = prior.at(other, 5, 5, context)
    torch.testing.assert_close(read(other, 5, 5), wanted, rtol=1e-4, atol=1e-5)
    narrow = codes[:, :, :4]
    wanted = prior.at(narrow, 4, 2, context)
    torch.testing.assert_close(read(narrow, 4, 2), wanted, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_walk_computes_each_cell_once_and_a_cut_one_comes_to_the_same_bits() -> None:
    prior, context = made("transformer"), torch.randn(1, 5, 6)
    codes = torch.randint(0, 9, (1, 6, 6))
    seen: list[int] = []
    prior.stack[0].register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
    read = prior.reading(context)
    whole = [read(codes, row, column) for row in range(6) for column in range(6)]
    assert seen == [prior.positions, *[1] * 36]
    later = prior.reading(context)
    for place in range(20, 36):
        assert torch.equal(later(codes, *divmod(place, 6)), whole[place])

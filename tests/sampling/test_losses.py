"""The losses: their least value, their order, and that their gradients can be used."""

from __future__ import annotations

import pytest
import torch

from backend.sampling import losses
from backend.sampling.steering import Loss

ALL: dict[str, Loss] = {
    "channel": losses.channel(2, 0.9),
    "colour": losses.colour((0.1, 0.5, 0.9)),
    "brightness": losses.brightness(0.8),
    "contrast": losses.contrast(0.9),
    "saturation": losses.saturation(0.9),
    "sharpness": losses.sharpness(0.5),
    "symmetry": losses.symmetry(),
    "palette": losses.palette([(0.9, 0.2, 0.1), (0.1, 0.1, 0.9)], [0.75, 0.25]),
    "places": losses.places([[(0.9, 0.2, 0.1), None], [None, (0.1, 0.1, 0.9)]]),
}


def plain(red: float, green: float, blue: float, side: int = 16) -> torch.Tensor:
    return torch.tensor([red, green, blue]).reshape(1, 3, 1, 1).expand(1, 3, side, side).clone()


def stripes(period: int, side: int = 16) -> torch.Tensor:
    """Black and white columns."""
    row = ((torch.arange(side) // period) % 2).float()
    return row.expand(1, 3, side, side).clone()


@pytest.mark.parametrize("name", ALL)
def test_each_picture_has_a_value_of_its_own_and_a_finite_gradient(name: str):
    pictures = torch.rand(3, 3, 16, 12, generator=torch.Generator().manual_seed(1))
    alone = torch.cat([ALL[name](pictures[i : i + 1]) for i in range(3)])
    together = ALL[name](pictures)
    torch.testing.assert_close(together, alone)
    leaf = pictures.clone().requires_grad_()
    (grad,) = torch.autograd.grad(ALL[name](leaf).sum(), leaf)
    assert torch.isfinite(grad).all()
    assert (grad.abs().amax(dim=(1, 2, 3)) > 0).all()
    lower = ALL[name]((pictures - 0.05 * grad / grad.abs().max()).detach())
    assert (lower < together).all(), "a small step down the gradient lowers it"


@pytest.mark.parametrize("name", ALL)
def test_a_picture_of_one_colour_breaks_no_gradient(name: str):
    leaf = plain(0.5, 0.5, 0.5).requires_grad_()
    (grad,) = torch.autograd.grad(ALL[name](leaf).sum(), leaf)
    assert torch.isfinite(grad).all()


def test_what_is_wanted_has_no_loss():
    wanted = {
        "channel": plain(0.2, 0.3, 0.9),
        "colour": plain(0.1, 0.5, 0.9),
        "brightness": plain(0.8, 0.8, 0.8),
        "saturation": plain(0.05, 0.5, 0.95),
        "symmetry": stripes(16),
    }
    for name, picture in wanted.items():
        assert float(ALL[name](picture)) == pytest.approx(0.0, abs=1e-5), name


def test_contrast_is_one_for_half_black_half_white():
    assert float(losses.contrast(1.0)(stripes(4))) == pytest.approx(0.0, abs=1e-3)
    assert float(losses.contrast(0.0)(plain(0.4, 0.4, 0.4))) == pytest.approx(0.0, abs=1e-3)


def test_sharpness_grows_with_detail_and_not_with_contrast():
    zero = losses.sharpness(0.0)
    assert float(zero(stripes(1))) > float(zero(stripes(4))) > float(zero(stripes(8)))
    assert float(zero(stripes(4))) == pytest.approx(float(zero(stripes(4) * 0.5)), rel=1e-2)


def test_a_palette_says_which_colours_and_how_much_but_not_where():
    red, blue = torch.tensor([0.9, 0.2, 0.1]), torch.tensor([0.1, 0.1, 0.9])
    picture = red.reshape(1, 3, 1, 1).repeat(1, 1, 16, 16)
    picture[:, :, :, :4] = blue.reshape(1, 3, 1, 1)
    assert float(ALL["palette"](picture)) == pytest.approx(0.0, abs=1e-6)
    shuffled = picture.flatten(2)[:, :, torch.randperm(256)].reshape(1, 3, 16, 16)
    assert float(ALL["palette"](shuffled)) == pytest.approx(0.0, abs=1e-6)
    assert float(ALL["palette"](picture.flip(1))) > 0.1
    even = picture.clone()
    even[:, :, :, :8] = blue.reshape(1, 3, 1, 1)
    assert float(ALL["palette"](even)) > 0.05


def test_a_palette_is_alike_at_any_size():
    picture = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    large = picture.repeat_interleave(16, 2).repeat_interleave(16, 3)
    assert float(ALL["palette"](large)) == pytest.approx(float(ALL["palette"](picture)), rel=1e-4)


def test_places_pull_where_they_are_and_nowhere_else():
    picture = plain(0.5, 0.5, 0.5)
    picture[:, :, :8, :8] = torch.tensor([0.9, 0.2, 0.1]).reshape(1, 3, 1, 1)
    picture[:, :, 8:, 8:] = torch.tensor([0.1, 0.1, 0.9]).reshape(1, 3, 1, 1)
    leaf = picture.requires_grad_()
    assert float(ALL["places"](leaf).detach()) == pytest.approx(0.0, abs=1e-6)
    other = torch.rand(1, 3, 16, 16).requires_grad_()
    (grad,) = torch.autograd.grad(ALL["places"](other).sum(), other)
    assert (grad[:, :, :8, 8:] == 0).all()
    assert (grad[:, :, :8, :8] != 0).all()

"""Seamless pictures: shifted noise draws the shifted picture, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.models.checkpoint import Checkpoint
from backend.models.lora.layers import _convolution_path
from backend.models.patches import Detour
from backend.modes.changes.seamless import Wrap, _with_margin, seamless, wrapped
from backend.sampling.types import Level
from tests import jobs
from tests.modes.test_guide import model
from tests.modes.test_txt2img import ended, engine, pictures, run, settings

__all__ = ["engine", "model"]  # the fixtures
Tiling = Literal["off", "both", "x", "y"]
SIDE = 16  # latent positions of the picture
SHIFTS = {"x": (0, 8), "y": (8, 0), "both": (8, 8)}  # in whole cells of the coarsest level


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def under(model: Checkpoint, tiling: Tiling) -> Any:
    side = SIDE * model.vae_factor
    return seamless(model, Txt2ImgSettings(width=side, height=side, tiling=tiling))


@torch.no_grad()
def predicted(model: Checkpoint, x: torch.Tensor) -> torch.Tensor:
    said = model.text.encode(["a red house"])
    return model.network.denoiser([said])(x, Level.like(x, 1.0, 500.0))


def decoded(model: Checkpoint, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.codec.pixels(x)


def shifted(x: torch.Tensor, by: tuple[int, int], factor: int = 1) -> torch.Tensor:
    return x.roll((by[0] * factor, by[1] * factor), (2, 3))


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("tiling", ["x", "y", "both"])
def test_shifted_noise_gives_the_shifted_picture(model: Checkpoint, tiling: Tiling) -> None:
    x, by = noise(1, 4, SIDE, SIDE), SHIFTS[tiling]
    for draw, factor in ((predicted, 1), (decoded, model.vae_factor)):
        plain = apart(draw(model, shifted(x, by)), shifted(draw(model, x), by, factor))
        with under(model, tiling):
            wrap = apart(draw(model, shifted(x, by)), shifted(draw(model, x), by, factor))
        assert wrap < 1e-4 < 1e-2 < plain


def test_along_the_other_axis_it_draws_as_before(model: Checkpoint) -> None:
    x = noise(1, 4, SIDE, SIDE)
    with under(model, "x"):
        moved = apart(predicted(model, shifted(x, (8, 0))), shifted(predicted(model, x), (8, 0)))
    assert moved > 1e-2


def test_a_picture_is_encoded_round_the_edge_too(model: Checkpoint) -> None:
    side = SIDE * model.vae_factor
    picture = (noise(1, side, side, 3).clamp(-1, 1) * 127 + 128).byte().numpy()
    move = partial(torch.roll, shifts=(8, 8), dims=(2, 3))
    far = picture.copy()
    far[:] = torch.from_numpy(picture).roll((8 * model.vae_factor,) * 2, (1, 2)).numpy()
    before = apart(model.codec.encode(far)[0], move(model.codec.encode(picture)[0]))
    with under(model, "both"):
        after = apart(model.codec.encode(far)[0], move(model.codec.encode(picture)[0]))
    assert after < 1e-4 < 1e-2 < before


def test_a_part_of_the_picture_has_edges(model: Checkpoint) -> None:
    x = noise(1, 4, SIDE // 2, SIDE)
    plain = predicted(model, x)
    with under(model, "both"):
        assert torch.equal(predicted(model, x), plain)


def test_the_model_is_bit_for_bit_as_it_was(model: Checkpoint) -> None:
    x = noise(1, 4, SIDE, SIDE)
    before = predicted(model, x), decoded(model, x)
    with under(model, "off"):
        assert not model.patches.needs(model.network.model).eager
        assert torch.equal(predicted(model, x), before[0])
    with under(model, "both"):
        assert model.patches.needs(model.network.model).eager
        assert not torch.equal(predicted(model, x), before[0])
    with pytest.raises(RuntimeError, match="stop"), under(model, "both"):
        raise RuntimeError("stop")
    assert not model.patches.needs(model.network.model).eager
    assert torch.equal(predicted(model, x), before[0])
    assert torch.equal(decoded(model, x), before[1])
    roots = [*model.network.modules.values(), *model.codec.modules.values()]
    left = [
        layer
        for root in roots
        for layer in root.modules()
        if layer._forward_pre_hooks or layer._forward_hooks
    ]
    assert left == []
    assert "tiled_decode" not in vars(model.codec.model)


@contextmanager
def hooked(layer: nn.Conv2d, wrap: Wrap) -> Generator[None]:
    hooks = [layer.register_forward_pre_hook(wrap.before), layer.register_forward_hook(wrap.after)]
    yield
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 1), (5, 2)])
@torch.no_grad()
def test_a_convolution_is_the_circular_one(stride: int, kernel: int, padding: int) -> None:
    layer = nn.Conv2d(3, 5, kernel, stride, padding)
    circular = nn.Conv2d(3, 5, kernel, stride, padding, padding_mode="circular")
    circular.load_state_dict(layer.state_dict())
    x = noise(2, 3, 8, 12)
    with hooked(layer, Wrap((2, 3), None)):
        assert torch.allclose(layer(x), circular(x), atol=1e-6)
    if padding:
        assert not torch.allclose(layer(x), circular(x), atol=1e-2)


@torch.no_grad()
def test_a_lora_beside_a_layer_is_wrapped_with_it() -> None:
    layer = nn.Conv2d(4, 6, 3, padding=1)
    down, up = noise(2, 4 * 9, seed=1), noise(6, 2, seed=2)
    whole = nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular")
    whole.weight.copy_(layer.weight + (up @ down).view(6, 4, 3, 3))
    assert whole.bias is not None
    assert layer.bias is not None
    whole.bias.copy_(layer.bias)
    beside = Detour(layer, _convolution_path(layer, layer.weight, down, up, None))
    x = noise(1, 4, 8, 8)
    with hooked(layer, Wrap((2, 3), None)):
        assert torch.allclose(layer(x), whole(x), atol=1e-5)
    beside.end()


@torch.no_grad()
def test_tiles_see_the_far_side_as_a_margin() -> None:
    kernel = noise(3, 3, 5, 5)
    wrap = Wrap((2, 3), None)
    seen: list[bool] = []

    def way(x: torch.Tensor, return_dict: bool = True) -> tuple[torch.Tensor]:
        seen.append(wrap.on)
        enlarged = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return (F.conv2d(enlarged, kernel, padding=2),)

    x = noise(1, 3, 10, 12)
    (made,) = _with_margin(way, wrap, 6, 12, x, return_dict=False)
    big = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    exact = F.conv2d(F.pad(big, (2, 2, 2, 2), mode="circular"), kernel)
    assert torch.allclose(made, exact, atol=1e-4)
    assert seen == [False]
    assert wrap.on


def test_a_margin_is_the_whole_picture_at_most() -> None:
    x = torch.arange(3.0).view(1, 1, 1, 3)
    assert wrapped(x, 3, 1).flatten().tolist() == [2, 0, 1, 2, 0]
    assert wrapped(x, 3, 9).flatten().tolist() == [0, 1, 2] * 3
    assert wrapped(x, 3, 0) is x


def test_a_run_is_seamless_where_its_settings_say_so_and_the_next_one_is_not(
    engine: LocalEngine,
) -> None:
    before = pictures(run(engine, settings()))
    made = run(engine, settings(tiling="both", hires_scale=2.0))
    assert made.outputs[0].record.settings["tiling"] == "both"
    edges = {
        way: pictures(run(engine, settings(tiling=way)))[0].astype(int) for way in ("off", "x", "y")
    }
    assert len({picture.tobytes() for picture in edges.values()}) == 3
    assert (pictures(run(engine, settings())) == before).all()


def test_a_job_in_the_middle_of_a_seamless_one_has_edges(engine: LocalEngine) -> None:
    plain = pictures(run(engine, settings()))
    pattern = settings(tiling="both", steps=40)
    alone = pictures(run(engine, pattern))
    background = ask(engine, Request(pattern, save=False), background=True)
    jobs.until(engine, background, lambda now: now.progress.step >= 2)
    middle = ended(engine, ask(engine, Request(settings(), save=False)))
    assert engine.status(background).state == "running"
    assert np.array_equal(pictures(middle), plain)
    assert np.array_equal(pictures(ended(engine, background)), alone)

"""Steps as the local engine keeps them."""

from __future__ import annotations

import torch

from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.stored import StoredStep
from backend.engine.local.kept_steps import Branches, TensorStep, Timelines, step_bytes
from backend.models.autoencoder.preview import Previewer
from backend.sampling.types import State, Step

FAST = Previewer("fast", "", lambda latents: latents[:, :3])


def step(sigma: float = 3.0) -> Step:
    x0 = torch.ones(2, 4, 8, 8)
    return Step(0, 4, sigma, 2 * x0, x0, State({"x0": x0}))


def test_what_is_kept_twice_is_counted_once() -> None:
    one = 2 * 4 * 8 * 8 * 4
    assert step_bytes(step()) == 2 * one  # the history is the x0
    apart = Step(0, 4, 3.0, torch.ones(2, 4, 8, 8), torch.ones(2, 4, 8, 8), State())
    assert step_bytes(apart) == 2 * one


def test_a_kept_step_says_where_it_lies() -> None:
    kept = TensorStep.of(step(), FAST)
    assert (kept.place, kept.batch, kept.sigma) == ("cpu", 2, 3.0)


def test_x_t_is_shown_at_the_scale_of_the_model() -> None:
    kept = TensorStep.of(step(sigma=3.0), FAST)
    assert kept.latents("x0", 1).shape == (1, 4, 8, 8)
    assert torch.allclose(kept.latents("xt", 0), torch.full((1, 4, 8, 8), 2 / 10**0.5))


def test_modes_are_given_the_step_itself() -> None:
    timelines, settings = Timelines(), Txt2ImgSettings()
    timelines.begin("a", settings)
    made = step()
    timelines.add("a", TensorStep.of(made, FAST))
    timelines.next_stage("a", settings)
    timelines.add("a", TensorStep.of(made, FAST))
    here = Branches(timelines, made.x.device)
    found = [here.load("a", index) for index in range(2)]
    assert found == [StoredStep(0, settings, made), StoredStep(1, settings, made)]
    there = Branches(timelines, torch.device("meta")).load("a", 0).step
    tensors = (there.x, there.x0, *there.state.history.values())
    assert {tensor.device.type for tensor in tensors} == {"meta"}

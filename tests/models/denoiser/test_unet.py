from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler

from backend.contracts.errors import ModelProblem
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.unet import Residuals, Unet
from backend.sampling.types import Level


def level(sigma: float, timestep: float, batch: int) -> Level:
    return Level(
        torch.ones(batch, dtype=torch.float64),
        torch.full((batch,), sigma, dtype=torch.float64),
        torch.full((batch,), timestep, dtype=torch.float64),
    )


def noise(batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, 4, 8, 8, generator=torch.Generator().manual_seed(0))


# diffusers hands tensors to numpy in a way that numpy 2 frowns upon.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_x0_equals_the_schedulers_on_the_same_input(
    request: pytest.FixtureRequest, prediction: str
) -> None:
    model: Checkpoint = request.getfixturevalue(prediction)
    conditioning = model.text.encode(["a red house"])
    scheduler = EulerDiscreteScheduler.from_config(model.scheduler_config)
    scheduler.set_timesteps(7)
    denoise = model.network.denoiser([conditioning])
    for index in (0, 3, 6):
        t, sigma = scheduler.timesteps[index], scheduler.sigmas[index]
        x = noise() * (sigma**2 + 1).sqrt()
        scheduler._step_index = index
        with torch.no_grad():
            scaled = scheduler.scale_model_input(x, t)
            context = conditioning.context
            output = model.network.model(scaled, t, encoder_hidden_states=context).sample
            reference = scheduler.step(output, t, x).pred_original_sample
            x0 = denoise(x, level(float(sigma), float(t), 1))
        assert x0.dtype == torch.float32
        assert (x0 - reference).norm() <= 2e-6 * reference.norm()


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_x0_equals_ddims_at_a_training_timestep(
    request: pytest.FixtureRequest, prediction: str
) -> None:
    model: Checkpoint = request.getfixturevalue(prediction)
    conditioning = model.text.encode(["a fish"])
    scheduler = DDIMScheduler.from_config(model.scheduler_config)
    scheduler.set_timesteps(20)
    alpha_bar = scheduler.alphas_cumprod[601].double()
    x_t = noise()
    with torch.no_grad():
        output = model.network.model(x_t, 601, encoder_hidden_states=conditioning.context).sample
        reference = scheduler.step(output, 601, x_t).pred_original_sample
        sigma = float(((1 - alpha_bar) / alpha_bar).sqrt())
        x0 = model.network.denoiser([conditioning])(x_t / alpha_bar.sqrt(), level(sigma, 601, 1))
    assert (x0 - reference).norm() <= 2e-6 * reference.norm()


def test_each_sample_has_its_own_level(eps: Checkpoint) -> None:
    conditioning = eps.text.encode(["a fish"])
    x = noise(2)
    levels = Level(torch.ones(2), torch.tensor([5.0, 0.5]), torch.tensor([800.0, 200.5]))
    both = eps.network.denoiser([conditioning.repeat(2)])(x, levels)
    for row, (sigma, t) in enumerate([(5.0, 800.0), (0.5, 200.5)]):
        alone = eps.network.denoiser([conditioning])(x[row : row + 1], level(sigma, t, 1))
        assert torch.allclose(both[row : row + 1], alone, atol=1e-5)


def test_conditionings_stack_in_order_to_one_batch(eps: Checkpoint) -> None:
    negative, positive = eps.text.encode(["blurry " * 90]), eps.text.encode(["a fish"])
    x = noise()
    stacked = eps.network.denoiser([negative, positive])(x.repeat(2, 1, 1, 1), level(3.0, 600, 2))
    padded = positive.padded(negative.context.shape[1])
    for row, part in enumerate([negative, padded]):
        alone = eps.network.denoiser([part])(x, level(3.0, 600, 1))
        assert torch.allclose(stacked[row : row + 1], alone, atol=1e-5)
    assert not torch.allclose(stacked[0], stacked[1], atol=1e-3)
    with pytest.raises(ValueError, match="batch of 1"):
        eps.network.denoiser([negative, positive])(x, level(3.0, 600, 1))


def test_check_runs_before_each_model_call(
    eps: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StopNowError(Exception):
        pass

    def stop() -> None:
        raise StopNowError

    def unreachable(*args: object, **kwargs: object) -> None:
        raise AssertionError("the model was called")

    monkeypatch.setattr(eps.network.model, "forward", unreachable)
    denoise = eps.network.denoiser([eps.text.encode([""])], check=stop)
    with pytest.raises(StopNowError):
        denoise(noise(), level(1.0, 400, 1))


def test_residuals_reach_the_unet(eps: Checkpoint) -> None:
    conditioning = eps.text.encode(["a fish"])
    seen: list[torch.Tensor] = []
    shapes = [(16, 8), (16, 8), (16, 4), (32, 4)]

    def hook(strength: float):
        def residuals(
            scaled: torch.Tensor, timestep: torch.Tensor, context: torch.Tensor, added: None
        ) -> Residuals:
            seen.append(scaled)
            down = tuple(torch.full((1, c, s, s), strength) for c, s in shapes)
            return Residuals(down, torch.full((1, 32, 4, 4), strength))

        return residuals

    x = noise() * 3
    here = level(2.0, 500, 1)
    plain = eps.network.denoiser([conditioning])(x, here)
    zero = eps.network.denoiser([conditioning], residuals=hook(0.0))(x, here)
    some = eps.network.denoiser([conditioning], residuals=hook(1.0))(x, here)
    none = eps.network.denoiser([conditioning], residuals=lambda *_: None)(x, here)
    assert torch.allclose(zero, plain, atol=1e-6)
    assert torch.equal(none, plain)
    assert not torch.allclose(some, plain, atol=1e-2)
    assert torch.allclose(seen[0], x / 5**0.5)


def test_x0_carries_gradients_to_x_for_loss_guidance(eps: Checkpoint) -> None:
    x = noise().requires_grad_()
    x0 = eps.network.denoiser([eps.text.encode(["a"])])(x, level(1.0, 400, 1))
    x0.square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_unknown_prediction_type_is_refused(eps: Checkpoint) -> None:
    with pytest.raises(ModelProblem, match="'flow'"):
        Unet(eps.network.model, "flow")


def test_sample_prediction_is_x0_itself(eps: Checkpoint) -> None:
    conditioning = eps.text.encode(["a"])
    x = noise()
    x0 = Unet(eps.network.model, "sample").denoiser([conditioning])(x, level(1.0, 400, 1))
    output = eps.network.model(x / 2**0.5, 400.0, encoder_hidden_states=conditioning.context).sample
    assert torch.allclose(x0, output, atol=1e-6)

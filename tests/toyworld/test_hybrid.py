"""The loss of a learned variance, against what diffusers' scheduler draws with."""

from __future__ import annotations

import torch
from diffusers import DDPMScheduler

from toyworld.hybrid import Hybrid

SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "variance_type": "learned_range",
}


def of(seed: int) -> torch.Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_noise_is_added_as_the_scheduler_does() -> None:
    t = torch.tensor([0, 100, 500, 999])
    wanted = DDPMScheduler(**SCHEDULE).add_noise(of(1), of(2), t)
    assert torch.allclose(Hybrid(SCHEDULE).noised(of(1), of(2), t), wanted, atol=1e-6)


def test_the_truth_has_no_loss_but_that_of_the_variance() -> None:
    hybrid, t = Hybrid(SCHEDULE), torch.tensor([50, 200, 600, 950])
    v = DDPMScheduler(**SCHEDULE).get_velocity(of(1), of(2), t)

    def loss(share: float) -> float:
        made = torch.cat([v, torch.full_like(v, 2 * share - 1)], dim=1)
        return float(hybrid.loss(made, of(1), of(2), t))

    assert loss(0.0) < 1e-5  # the posterior's own variance, where x0 is known
    assert loss(0.0) < loss(0.5) < loss(1.0)


def test_the_bound_teaches_the_variance_alone() -> None:
    hybrid, t = Hybrid(SCHEDULE), torch.tensor([50, 200, 600, 950])
    made = torch.cat([of(3), torch.zeros(4, 3, 8, 8)], dim=1).requires_grad_()
    hybrid.loss(made, of(1), of(2), t).backward()
    assert made.grad is not None
    v, fraction = made.grad.chunk(2, dim=1)
    plain = made.detach()[:, :3].requires_grad_()
    wanted = DDPMScheduler(**SCHEDULE).get_velocity(of(1), of(2), t)
    (plain - wanted).square().mean().backward()
    assert torch.allclose(v, plain.grad, atol=1e-6)  # type: ignore[arg-type]
    assert fraction.abs().sum() > 0
    assert fraction.mean() < 0  # a prediction that is off wants more variance


def test_the_variance_is_the_schedulers() -> None:
    hybrid = Hybrid(SCHEDULE)
    scheduler = DDPMScheduler(**SCHEDULE)
    scheduler.set_timesteps(1000)
    for t in (1, 10, 300, 999):
        low = scheduler._get_variance(t, torch.tensor(-1.0))
        high = scheduler._get_variance(t, torch.tensor(1.0))
        assert torch.allclose(hybrid._least[t].float(), low, rtol=1e-3)
        assert torch.allclose(hybrid._most[t].float(), high, rtol=1e-3)

import numpy as np
import pytest
from diffusers import DDIMScheduler

from backend.sampling.config import SchedulerConfig
from backend.sampling.samplers import SPECS
from backend.sampling.sigma_table import sigma_table

CLS = SPECS["ddim"].conventions


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
def test_it_is_that_of_diffusers(schedule: str) -> None:
    options = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": schedule}
    kept = DDIMScheduler(**options).alphas_cumprod.numpy()
    found = sigma_table(CLS, SchedulerConfig(**options))
    assert len(found) == 1000
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose(found, np.sqrt((1 - kept) / kept), rtol=2e-6)


def test_trained_betas_take_the_place_of_a_schedule() -> None:
    betas = tuple(np.linspace(0.001, 0.02, 50))
    found = sigma_table(CLS, SchedulerConfig(trained_betas=betas, num_train_timesteps=50))
    kept = np.cumprod(1 - np.array(betas))
    np.testing.assert_allclose(found, np.sqrt((1 - kept) / kept), rtol=1e-5)


def test_zero_terminal_snr_ends_in_noise_alone() -> None:
    config = SchedulerConfig(rescale_betas_zero_snr=True)
    plain = sigma_table(CLS, SchedulerConfig())
    found = sigma_table(CLS, config)
    assert found[0] == pytest.approx(plain[0], rel=1e-3)
    assert found[-1] > 1e6 > plain[-1]

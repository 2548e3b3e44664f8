"""Every sampler against the published formula, in variance-preserving scale and float64.

The transcriptions follow the papers' own symbols (alpha_bar; alpha, sigma, lambda) and share no
code with the samplers; they are compared step by step on a denoiser that is not linear.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from backend.sampling.config import SchedulerConfig
from backend.sampling.schedule import make
from backend.sampling.types import Level
from tests.sampling.helpers import POCKET, ListedNoise, curved, noises, run

STEPS = 17


class Case:
    """One run, and what a transcription needs of it."""

    def __init__(self, name, **options) -> None:
        schedule = make(name, "model", STEPS, SchedulerConfig.from_dict(POCKET))
        self.noise = noises(STEPS + 1)
        start = self.noise[-1] * schedule.init_scale
        self.steps = run(
            name, curved, start, schedule, noise=ListedNoise(self.noise[:-1]), **options
        )
        self.sigmas = schedule.sigmas.tolist()
        self.timesteps = schedule.timesteps.tolist()
        self.ab = [1 / (1 + sigma**2) for sigma in self.sigmas]
        self.alpha = [math.sqrt(ab) for ab in self.ab]
        self.sigma = [math.sqrt(1 - ab) for ab in self.ab]
        self.x = start * self.alpha[0]

    def x0(self, x: torch.Tensor, i: int) -> torch.Tensor:
        """The denoiser at x_t of step i."""
        x = x / self.alpha[i]
        return curved(x, Level.like(x, self.sigmas[i], self.timesteps[i]))

    def lam(self, i: int) -> float:
        return math.log(self.alpha[i] / self.sigma[i]) if self.sigma[i] else math.inf

    def check(self, i: int, x: torch.Tensor) -> None:
        torch.testing.assert_close(self.steps[i].x * self.alpha[i + 1], x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("eta", "variance"), [(0.0, "eta"), (0.4, "eta"), (1.0, "sigma_hat")])
def test_ddim(eta, variance):
    """2010.02502, eq. 12 and 16; sigma hat: sec. 5."""
    case = Case("ddim", eta=eta, variance=variance)
    x = case.x
    for i in range(STEPS):
        ab, ab_p = case.ab[i], case.ab[i + 1]
        x0 = case.x0(x, i)
        eps = (x - math.sqrt(ab) * x0) / math.sqrt(1 - ab)
        s = eta * math.sqrt((1 - ab_p) / (1 - ab)) * math.sqrt(1 - ab / ab_p)
        added = math.sqrt(1 - ab / ab_p) if variance == "sigma_hat" else s
        x = math.sqrt(ab_p) * x0 + math.sqrt(1 - ab_p - s * s) * eps + added * case.noise[i]
        case.check(i, x)


def test_ddpm():
    """2006.11239, eq. 6 and 7."""
    case = Case("ddpm")
    x = case.x
    for i in range(STEPS):
        ab, ab_p = case.ab[i], case.ab[i + 1]
        beta = 1 - ab / ab_p
        mean = (
            math.sqrt(ab_p) * beta / (1 - ab) * case.x0(x, i)
            + math.sqrt(1 - beta) * (1 - ab_p) / (1 - ab) * x
        )
        x = mean + math.sqrt((1 - ab_p) / (1 - ab) * beta) * case.noise[i]
        case.check(i, x)


def test_euler_and_euler_a():
    """2206.00364, eq. 5; the ancestral split of k-diffusion."""
    for name in ("euler", "euler_a"):
        case = Case(name)
        x = case.x / case.alpha[0]
        for i in range(STEPS):
            s, t = case.sigmas[i], case.sigmas[i + 1]
            up = math.sqrt(t**2 * (s**2 - t**2) / s**2) if name == "euler_a" else 0.0
            down = math.sqrt(t**2 - up**2)
            slope = (x - curved(x, Level.like(x, s, 0.0))) / s
            x = x + (down - s) * slope + up * case.noise[i]
            case.check(i, x * case.alpha[i + 1])


def test_heun():
    """2206.00364, algorithm 1."""
    case = Case("heun")
    x = case.x / case.alpha[0]
    for i in range(STEPS):
        s, t = case.sigmas[i], case.sigmas[i + 1]
        d = (x - curved(x, Level.like(x, s, 0.0))) / s
        ahead = x + (t - s) * d
        if t > 0:
            d_ahead = (ahead - curved(ahead, Level.like(x, t, 0.0))) / t
            ahead = x + (t - s) * (d + d_ahead) / 2
        x = ahead
        case.check(i, x * case.alpha[i + 1])


def test_lms():
    """Adams-Bashforth on uneven nodes: integrals of Lagrange polynomials, by quadrature."""
    case = Case("lms")
    x = case.x / case.alpha[0]
    slopes: list[torch.Tensor] = []
    for i in range(STEPS):
        s = case.sigmas[i]
        slopes.insert(0, (x - curved(x, Level.like(x, s, 0.0))) / s)
        del slopes[4:]
        nodes = [case.sigmas[i - k] for k in range(len(slopes))]
        for k, slope in enumerate(slopes):

            def basis(tau, k=k, nodes=nodes):
                return np.prod([(tau - n) / (nodes[k] - n) for j, n in enumerate(nodes) if j != k])

            x = x + integrate.quad(basis, s, case.sigmas[i + 1], epsabs=1e-13)[0] * slope
        case.check(i, x * case.alpha[i + 1])


@pytest.mark.parametrize("name", ["dpmpp_2m", "dpmpp_2m_sde"])
def test_dpmpp(name):
    """2211.01095, algorithm 2, and the SDE update of its appendix; first order at the end."""
    case = Case(name)
    x = case.x
    last = None
    for i in range(STEPS):
        x0 = case.x0(x, i)
        h = case.lam(i + 1) - case.lam(i)
        d = x0
        if last is not None and i < STEPS - 1:
            r = (case.lam(i) - case.lam(i - 1)) / h
            d = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * last
        last = x0
        alpha, sigma, sigma_s = case.alpha[i + 1], case.sigma[i + 1], case.sigma[i]
        if name == "dpmpp_2m":
            x = sigma / sigma_s * x - alpha * math.expm1(-h) * d
        else:
            x = (
                sigma / sigma_s * math.exp(-h) * x
                + alpha * -math.expm1(-2 * h) * d
                + sigma * math.sqrt(-math.expm1(-2 * h)) * case.noise[i]
            )
        case.check(i, x)


def test_unipc():
    """2302.04867, algorithms 7 (UniC) and 8 (UniP), B_2(h), with the linear system solved."""
    case = Case("unipc")
    x = case.x
    outputs: list[torch.Tensor] = []
    origin, order = x, 0
    for i in range(STEPS):
        x0 = case.x0(x, i)
        if i:
            x = bh(case, origin, outputs, i - 1, order, x0)
        outputs.append(x0)
        origin, order = x, min(2, STEPS - i, i + 1)
        x = bh(case, origin, outputs, i, order, None)
        case.check(i, x)


def bh(case, x, outputs, i, order, reached):
    """One update from level i to i + 1; with the x0 `reached` there it corrects."""
    h = case.lam(i + 1) - case.lam(i)
    m0 = outputs[i]
    rs = [(case.lam(i - k) - case.lam(i)) / h for k in range(1, order)]
    ds = [(outputs[i - k] - m0) / r for k, r in enumerate(rs, 1)]
    if reached is not None:
        rs.append(1.0)
        ds.append(reached - m0)
    big = math.expm1(-h)
    result = case.sigma[i + 1] / case.sigma[i] * x - case.alpha[i + 1] * big * m0
    if not rs:
        return result
    if len(rs) == 1:
        rho = [0.5]  # the paper's choice for order 2, independent of h
    else:
        b = [math.factorial(k) * phi(k + 1, -h) * -h / big for k in range(1, len(rs) + 1)]
        rho = np.linalg.solve([[r**k for r in rs] for k in range(len(rs))], b)
    return result - case.alpha[i + 1] * big * sum(
        float(p) * d for p, d in zip(rho, ds, strict=True)
    )


def phi(k: int, z: float) -> float:
    """phi_k(z), its integral form: int_0^1 exp((1 - r) z) r^(k - 1) / (k - 1)! dr."""
    return integrate.quad(
        lambda r: math.exp((1 - r) * z) * r ** (k - 1) / math.factorial(k - 1),
        0,
        1,
        epsabs=1e-14,
        epsrel=1e-13,
    )[0]


def test_lcm():
    """2310.04378, algorithm 3, with c_skip and c_out of its section 4.1."""
    case = Case("lcm")
    x = case.x
    for i in range(STEPS):
        t = 10 * case.timesteps[i]
        c_skip, c_out = 0.25 / (t**2 + 0.25), t / math.sqrt(t**2 + 0.25)
        f = c_out * case.x0(x, i) + c_skip * x
        x = case.alpha[i + 1] * f + case.sigma[i + 1] * case.noise[i]
        case.check(i, x)
        torch.testing.assert_close(case.steps[i].x0, f, rtol=1e-12, atol=1e-12)

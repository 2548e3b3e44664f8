"""Schedules: where the noise levels of a run lie.

They reproduce the conventions of diffusers 0.42.1, class by class, because the same settings mean
different levels there: which timesteps a spacing picks, the range of Karras levels, whether their
timesteps are rounded, the scale of the first latents and the end point.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from backend.contracts.errors import BadInput
from backend.sampling.config import SchedulerConfig, Spacing
from backend.sampling.flow_times import FlowConfig, times_of
from backend.sampling.samplers import SPECS
from backend.sampling.samplers.spec import Conventions
from backend.sampling.sigma_table import sigma_table
from backend.sampling.types import Schedule, floats

Floats = NDArray[np.float64]

# Align Your Steps (2404.14507): timesteps of ten steps, as diffusers' `AysSchedules` lists them.
_AYS = (999, 850, 736, 645, 545, 455, 343, 233, 124, 24)
_AYS_OF: Mapping[str, tuple[int, ...]] = {
    "sdxl": (999, 845, 730, 587, 443, 310, 193, 116, 53, 13),
}
PRK_STEPS = 3  # 2202.09778, alg. 2
_RHO = 7.0  # 2206.00364, below eq. 5
_ONLY_NOISE = 2.0**24  # stands for an infinite ratio: no float32 result can tell the two apart


def make(
    sampler: str,
    schedule: str,
    steps: int,
    config: SchedulerConfig,
    family: str = "",
    own: Sequence[int] = (),
    positions: int = 0,
) -> Schedule:
    """The noise levels of a run, as the diffusers class of that sampler lays them.

    Args:
        sampler: Which class.
        schedule: `model` follows the config; the others replace its spacing or its levels.
        steps: 1..num_train_timesteps.
        config: The checkpoint's own.
        family: Of the checkpoint, as its card names it; `ays` has a table for SDXL, and takes
            that of SD 1.x for any other. Ten steps are diffusers', other counts interpolate log
            sigma between them, as its authors recommend.
        own: Falling training timesteps, as many as steps, instead of the spacing.
        positions: Of the latents of a picture; some flow models' levels follow its size.

    Raises:
        BadInput: The class has no such schedule, or not with that many steps.
    """
    if schedule not in SPECS[sampler].entry.schedules:
        raise BadInput(
            f"The sampler '{sampler}' has no schedule '{schedule}'; choose one of: "
            f"{', '.join(SPECS[sampler].entry.schedules)}.",
            "schedule",
        )
    total = config.num_train_timesteps
    if not 1 <= steps <= total:
        raise BadInput(f"The number of steps must lie between 1 and {total}.", "steps")
    if config.flow is not None:
        return _flowing(sampler, schedule, steps, config.flow, own, positions)
    cls = SPECS[sampler].conventions
    spacing = _spacing(cls, schedule, config)
    table = sigma_table(cls, config)
    if own:
        timesteps = _given(sampler, own, total)
    elif cls.distilled:
        timesteps = _lcm_timesteps(steps, config)
    elif schedule == "ays":
        timesteps = _ays_timesteps(_AYS_OF.get(family, _AYS), steps, table)
    else:
        timesteps = _timesteps(cls, spacing, steps, config)
    if timesteps[0] > total - 1:
        raise BadInput(
            f"{steps} steps reach past the model's {total} training timesteps; choose fewer.",
            "steps",
        )
    if cls.strides:
        made = replace(_ddim(timesteps, steps, table, config), averages=config.prediction_type)
        warm = cls.warms_up and not config.skip_prk_steps
        return replace(made, halves=_halves(timesteps, table, total // steps)) if warm else made
    made = _levels(sampler, schedule, timesteps, table, spacing, config)
    return replace(made, variance=config.variance_type)


def continued(sampler: str, schedule: Schedule, sigma: float, config: SchedulerConfig) -> Schedule:
    """What is left of a schedule for latents that stand at `sigma`, e.g. of another run's step.

    Args:
        sampler: The sampler that `schedule` was made for.
        schedule: Levels at or above `sigma` fall away; `sigma` itself comes first.
        sigma: Where the latents stand, > 0 unless nothing is left to do.
        config: Of the checkpoint; says which timestep the level is.
    """
    left = [i for i, level in enumerate(floats(schedule.sigmas[:-1])) if level < sigma * 0.999]
    end = float(schedule.sigmas[-1])
    if sigma <= end:
        return replace(
            schedule,
            sigmas=schedule.sigmas[-1:],
            timesteps=schedule.timesteps[:0],
            init_scale=1.0,
            targets=None,
        )
    if config.flow is not None:
        timestep = np.array([sigma / (1 + sigma) * config.num_train_timesteps])
    else:
        table = sigma_table(SPECS[sampler].conventions, config)
        timestep = _timestep_of(np.array([sigma]), table)
        if SPECS[sampler].conventions.kind != "ve":
            timestep = np.round(timestep)
    first = torch.tensor([sigma], dtype=torch.float64)
    index = torch.tensor(left, dtype=torch.long)
    return replace(
        schedule,
        sigmas=torch.cat([first, schedule.sigmas[index], schedule.sigmas[-1:]]),
        timesteps=torch.cat(
            [torch.tensor(timestep, dtype=torch.float64), schedule.timesteps[index]]
        ),
        targets=None,
    )


def noised(
    x0: torch.Tensor, noise: torch.Tensor, timestep: int, config: SchedulerConfig
) -> torch.Tensor:
    """x0 at a training timestep in variance-preserving scale, as `DDPMScheduler.add_noise`.

    Args:
        x0: (B, C, h, w).
        noise: The same shape, unit variance.
        timestep: 0..T - 1.
        config: Whose betas.
    """
    ratio = float(sigma_table(SPECS["ddpm"].conventions, config)[timestep])
    alpha = 1 / math.sqrt(1 + ratio * ratio)
    return alpha * x0 + alpha * ratio * noise


def flow(times: Sequence[float], train_timesteps: int = 1000) -> Schedule:
    """Levels of a flow model, x = (1 - t) x0 + t eps (2210.02747, eq. 21).

    Args:
        times: t, falling, n + 1 of them; 1 is nothing but noise, the last may be 0.
        train_timesteps: The model is told t times that.
    """
    ratios = [t / (1 - t) if t < 1 else _ONLY_NOISE for t in times]
    return Schedule(
        torch.tensor(ratios, dtype=torch.float64),
        torch.tensor(times[:-1], dtype=torch.float64) * train_timesteps,
        init_scale=ratios[0],
        naming="flow",
        straight=True,
    )


def _flowing(
    sampler: str,
    schedule: str,
    steps: int,
    config: FlowConfig,
    own: Sequence[int],
    positions: int,
) -> Schedule:
    """The levels of a flow model, the same for every sampler."""
    total = config.num_train_timesteps
    if not SPECS[sampler].conventions.flows:
        raise BadInput(
            f"The sampler '{sampler}' does not draw with flow models; take 'euler', or choose "
            "another model.",
            "sampler",
        )
    if own:
        times = _given(sampler, own, total) / total
    elif schedule == "ays":
        raise BadInput(
            "The schedule 'ays' has no levels for flow models; take 'model'.", "schedule"
        )
    else:
        spacing = "trailing" if schedule == "trailing" else ""
        curve: Literal["karras", "exponential"] | None = None
        if schedule == "karras" or schedule == "exponential":
            curve = schedule
        times = times_of(config, steps, positions, spacing, curve)
    if any(a <= b for a, b in zip(times, [*times[1:], 0.0], strict=True)):
        raise BadInput(
            f"With {len(times)} steps this schedule repeats a noise level; choose another number "
            "of steps or another schedule.",
            "steps",
        )
    return flow([*(float(time) for time in times), 0.0], total)


def _levels(
    sampler: str,
    schedule: str,
    timesteps: Floats,
    table: Floats,
    spacing: Spacing,
    config: SchedulerConfig,
) -> Schedule:
    """Every class but DDIM: levels of the timesteps, or a curve between two levels."""
    cls = SPECS[sampler].conventions
    kind = cls.kind
    sigmas = np.interp(timesteps, np.arange(len(table)), table)
    curve = _curve(sampler, schedule, config)
    if curve is not None:
        # The solvers span the whole table, the Euler family the levels of its own timesteps.
        top, bottom = (table[-1], table[0]) if kind == "solver" else (sigmas[0], sigmas[-1])
        if cls.karras_range or curve == "exponential":
            top, bottom = config.sigma_max or top, config.sigma_min or bottom
        sigmas = _between(curve, float(top), float(bottom), len(timesteps))
        timesteps = _timestep_of(sigmas, table)
        if kind == "solver":
            # Karras timesteps are rounded, exponential ones cut off by the cast to integers;
            # DPM++ does not round them on a cosine schedule either.
            cosine = config.beta_schedule == "squaredcos_cap_v2" and cls.cosine_cut
            timesteps = np.trunc(
                timesteps if curve == "exponential" or cosine else np.round(timesteps)
            )
    end = 0.0
    if config.final_sigmas_type == "sigma_min" and cls.ends_above_zero:
        end = float(sigmas[-1] if cls.ends_on_curve and curve else table[0])
    if any(a <= b for a, b in zip(sigmas, [*sigmas[1:], end], strict=True)):
        raise BadInput(
            f"With {len(timesteps)} steps this schedule repeats a noise level; choose another "
            "number of steps or another schedule.",
            "steps",
        )
    first = float(sigmas[0])
    unscaled = kind == "ve" and spacing != "leading"
    return Schedule(
        torch.tensor([*sigmas, end], dtype=torch.float64),
        torch.tensor(timesteps, dtype=torch.float64),
        init_scale=first if unscaled else math.sqrt(first * first + 1),
        final_scale=1 / math.sqrt(end * end + 1) if kind == "solver" else 1.0,
    )


def _ddim(timesteps: Floats, steps: int, table: Floats, config: SchedulerConfig) -> Schedule:
    """DDIM steps by T // n whatever its next timestep is, and ends at `final_alpha_cumprod`."""
    end = 0.0 if config.set_alpha_to_one else float(table[0])
    index = timesteps.astype(np.int64)
    previous = index - config.num_train_timesteps // steps
    targets = np.where(previous >= 0, table[previous.clip(min=0)], end)
    sigmas = np.append(table[index], targets[-1])
    consistent = np.array_equal(targets, sigmas[1:])
    last = float(sigmas[-1])
    return Schedule(
        torch.tensor(sigmas, dtype=torch.float64),
        torch.tensor(timesteps, dtype=torch.float64),
        init_scale=math.sqrt(float(sigmas[0]) ** 2 + 1),
        final_scale=1 / math.sqrt(last * last + 1),
        targets=None if consistent else torch.tensor(targets, dtype=torch.float64),
    )


def _halves(timesteps: Floats, table: Floats, stride: int) -> tuple[tuple[float, float], ...]:
    """Levels in the middle of the first three steps, where there are four or more."""
    if len(timesteps) < PRK_STEPS + 1:
        return ()
    middles = [int(after) + stride // 2 for after in timesteps[1 : PRK_STEPS + 1]]
    return tuple((float(table[each]), float(each)) for each in middles)


def _spacing(cls: Conventions, schedule: str, config: SchedulerConfig) -> Spacing:
    return "trailing" if schedule == "trailing" else config.timestep_spacing or cls.spacing


def _curve(
    sampler: str, schedule: str, config: SchedulerConfig
) -> Literal["karras", "exponential"] | None:
    """The curve asked for; `model` takes the config's own where the class knows it."""
    known = SPECS[sampler].entry.schedules
    match schedule:
        case "karras" | "exponential":
            return schedule
        case "model" if config.use_karras_sigmas and "karras" in known:
            return "karras"
        case "model" if config.use_exponential_sigmas and "exponential" in known:
            return "exponential"
        case _:
            return None


def _timesteps(cls: Conventions, spacing: Spacing, steps: int, config: SchedulerConfig) -> Floats:
    """Table 2 of 2305.08891, falling; the solvers lay one point more and leave out the last."""
    total = config.num_train_timesteps
    points = steps + 1 if cls.kind == "solver" else steps
    match spacing:
        case "linspace" if cls.kind == "ve":
            even = np.linspace(0, total - 1, points, dtype=np.float32).astype(np.float64)
        case "linspace":
            even = np.round(np.linspace(0, total - 1, points))
        case "leading":
            even = np.arange(points, dtype=np.float64) * (total // points) + config.steps_offset
        case "trailing":
            return np.round(np.arange(total, 0, -total / steps)) - 1
    return even[::-1][:steps].copy()


def _given(sampler: str, own: Sequence[int], total: int) -> Floats:
    """Timesteps that a person lists."""
    if SPECS[sampler].conventions.strides or SPECS[sampler].conventions.distilled:
        raise BadInput(
            f"The sampler '{sampler}' lays its time steps by itself; take 'ddpm' for a list of "
            "your own.",
            "sampler",
        )
    if own[0] >= total:
        raise BadInput(
            f"This model has the time steps {total - 1} to 0; {own[0]} is none.", "time_steps"
        )
    return np.array(own, dtype=np.float64)


def _ays_timesteps(ten: tuple[int, ...], steps: int, table: Floats) -> Floats:
    """Ten steps are the table itself; others lie evenly between its points in log sigma."""
    logs = np.log(np.interp(ten, np.arange(len(table)), table))
    between = np.interp(np.linspace(0, len(ten) - 1, steps), np.arange(len(ten)), logs)
    return np.round(_timestep_of(np.exp(between), table))


def _lcm_timesteps(steps: int, config: SchedulerConfig) -> Floats:
    """A subset of the distillation schedule k - 1, 2k - 1, ..., T - 1 (2310.04378, sec. 4.3)."""
    original = config.original_inference_steps
    if steps > original:
        raise BadInput(
            f"The sampler 'lcm' takes at most {original} steps with this model.", "steps"
        )
    stride = config.num_train_timesteps // original
    distilled = (np.arange(original, 0, -1) * stride - 1).astype(np.float64)
    picked = np.floor(np.linspace(0, original, steps, endpoint=False)).astype(np.int64)
    return distilled[picked]


def _between(
    curve: Literal["karras", "exponential"], top: float, bottom: float, steps: int
) -> Floats:
    if curve == "exponential":
        return np.exp(np.linspace(math.log(top), math.log(bottom), steps))
    high, low = top ** (1 / _RHO), bottom ** (1 / _RHO)
    ramp = np.linspace(0, 1, steps)
    return np.asarray((high + ramp * (low - high)) ** _RHO, dtype=np.float64)


def _timestep_of(sigmas: Floats, table: Floats) -> Floats:
    """Fractional timesteps of the levels, linear in log sigma, clipped to the table."""
    # diffusers keeps the logarithms of the table in float32; a rounding that falls on a half
    # would go the other way in float64.
    logs = np.log(table.astype(np.float32)).astype(np.float64)
    return np.interp(np.log(np.maximum(sigmas, 1e-10)), logs, np.arange(len(table)))

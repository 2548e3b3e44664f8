"""DDIM inversion: from a picture to the noise that DDIM turns into it.

A step of DDIM with eta 0 goes from sigma to sigma' by x' = x + (sigma' - sigma) d(x, sigma), with
the slope d = (x - D(x, sigma)) / sigma (2010.02502, eq. 14; 2206.00364, eq. 3). Going back, x is
the unknown on both sides: x = x' + (sigma - sigma') d(x, sigma). The plain inversion takes the
slope at x' (DDIM, sec. 4.3); here that is only the first guess of a fixed-point iteration (as in
2309.04907), whose iterates are combined as Anderson (1965) does, since the plain iteration creeps
where a step multiplies sigma.

What is left of an error made at a high sigma grows on the way down: by 2e4 from sigma 9 to 0 on a
painted picture that Pocket never saw the like of, where an error made below sigma 1 grew tenfold.
There are therefore twice as many iterations above sigma 1, where the noise outweighs the picture.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import torch

from backend.sampling.types import Denoiser, Schedule, State, Step, floats

REFINEMENTS = 2
_DEPTH = 2  # residuals that are combined
_RIDGE = 1e-8


def invert(
    denoiser: Denoiser, x: torch.Tensor, schedule: Schedule, *, refine: int = REFINEMENTS
) -> Generator[Step]:
    """Walks a schedule of `ddim` upwards; sampling from its end leads back to x.

    Each step asks the model 1 + `iterations` times; how often never depends on the picture, so
    that a batch gives what each of its rows gives alone.

    Args:
        denoiser: Without guidance: at a guidance scale above 1 the way up is steep and unstable.
        x: (B, C, h, w) at the end of the schedule, variance-exploding scale: the picture's
            latents over `schedule.final_scale`.
        schedule: Made for `ddim`.
        refine: Iterations after the first guess, see `iterations`; 0 is the plain inversion.

    Yields:
        A `Step` for each level, from the lowest; `index` counts from 0 and `sigma` is the level
        that x has reached. The last x is where sampling starts.
    """
    levels = schedule.levels
    targets = levels[1:] if schedule.targets is None else floats(schedule.targets)
    slope: torch.Tensor | None = None
    for i in reversed(range(schedule.steps)):
        sigma, target = levels[i], targets[i]
        # Undoes what diffusers does where a step ends beside the next level, see `ddim`.
        x = x * math.sqrt((target**2 + 1) / (levels[i + 1] ** 2 + 1))
        start, climb = x, sigma - target
        if slope is None or refine == 0:
            # The same x_t: the plain inversion asks at the next timestep without moving x_t.
            guess = start * math.sqrt((sigma**2 + 1) / (target**2 + 1))
        else:
            guess = start + climb * slope
        history: list[tuple[torch.Tensor, torch.Tensor]] = []
        for _ in range(1 + iterations(refine, sigma)):
            asked, level = schedule.asked(guess, i)
            with torch.no_grad():
                x0 = denoiser(asked, level).to(x.dtype)
            slope = (guess - x0) / sigma
            history = [*history, (guess, start + climb * slope)][-(_DEPTH + 1) :]
            guess = _combined(history)
        x = guess if refine else history[-1][1]
        # What sampling will see here: the slope that leads from the accepted x to `start`.
        slope = (x - start) / climb
        yield Step(schedule.steps - 1 - i, schedule.steps, sigma, x, x - sigma * slope, State())


def iterations(refine: int, sigma: float) -> int:
    """Of a step to sigma: `refine`, and twice as many where the noise outweighs the picture."""
    return 2 * refine if sigma > 1 else refine


def _combined(history: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """Anderson's next iterate from pairs (guess, its image), for each sample by itself.

    The combination of the images whose residuals cancel best; with one pair, its image.
    """
    guess, image = history[-1]
    if len(history) == 1:
        return image
    residual = image - guess
    past = [(image - g_image, residual - (g_image - g)) for g, g_image in history[:-1]]
    moves = torch.stack([move.flatten(1) for move, _ in past], dim=1)
    changes = torch.stack([change.flatten(1) for _, change in past], dim=1)
    gram = (changes @ changes.mT).double()
    scale = gram.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None].clamp(min=1e-30)
    ridge = _RIDGE * scale * torch.eye(len(past), dtype=gram.dtype, device=gram.device)
    right = (changes @ residual.flatten(1)[..., None]).double()
    weights = (gram + ridge).inverse() @ right  # of size 2 at most
    return image - (weights.to(image.dtype).mT @ moves).view_as(image)

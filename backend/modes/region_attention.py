"""Regions told apart by cross-attention: one row draws all, and each place reads its own prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from backend.contracts.capabilities import Capabilities
from backend.contracts.settings import Settings
from backend.contracts.settings.regions import RegionFields, acting_regions
from backend.models.denoiser.region_attention import RegionAttention
from backend.models.text.conditioning import Conditioning
from backend.modes.conditioned import Conditioned
from backend.modes.regions import Placed
from backend.modes.stage import Stage
from backend.sampling.types import Denoiser, Level

Check = Callable[[], None]
Base = Callable[[Sequence[Conditioning], Check], Denoiser]


def by_attention(settings: Settings, can: Capabilities) -> bool:
    """Whether the regions of these settings are told apart by attention in such a model."""
    return isinstance(settings, RegionFields) and settings.by_attention and can.attention


def as_one(
    stage: Stage[Settings], placed: Placed, negative: Conditioning, base: Base
) -> tuple[Conditioned, Conditioning, Base]:
    """Several conditions with places as one, which holds all their prompts.

    Args:
        stage: Whose model has the control in force.
        placed: Of one ground, more than one condition.
        negative: What to steer away from.
        base: The network with what a mode puts under it.

    Returns:
        What `guided` takes: the condition, the negative prompt and the network.
    """
    told = [one.conditioning for one in placed.conditions]
    length = max(one.context.shape[1] for one in (negative, *told))
    shares = torch.cat([_share(one, stage) for one in placed.conditions], dim=1)  # (1, n, h, w)
    total = shares.sum(dim=1, keepdim=True)
    first = torch.zeros_like(shares)
    first[:, 0] = 1.0  # of the negative prompt, which is the same each time
    rows = torch.cat([first, shares / total.clamp(min=1e-12)])
    even = all(region.weight == 1.0 for region in acting_regions(stage.settings))
    joined = Conditioned(_joined(told, length), 1.0 if even else total)

    def apart(conditioning: Sequence[Conditioning], check: Check) -> Denoiser:
        inner, own = base(conditioning, _unchecked), rows[-len(conditioning) :]

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            check()  # not inside: another job may run there, and change the control
            with _control(stage).during(own):
                return inner(x, level)

        return denoise

    return joined, _joined([negative] * len(told), length), apart


def _share(one: Conditioned, stage: Stage[Settings]) -> torch.Tensor:
    """For each place of the latents, (1, 1, h, w); those that cover all have a number."""
    if isinstance(one.share, torch.Tensor):
        return one.share
    width, height = stage.settings.drawn_size
    factor, device = stage.model.vae_factor, stage.model.target.device
    return torch.full((1, 1, height // factor, width // factor), one.share, device=device)


def _joined(parts: Sequence[Conditioning], length: int) -> Conditioning:
    """The prompts one after the other; what is one vector is the first's."""
    context = torch.cat([one.padded(length).context for one in parts], dim=1)
    return Conditioning(context, parts[0].padding, parts[0].pooled)


def _control(stage: Stage[Settings]) -> RegionAttention:
    model = stage.model
    control = model.patches.find(model.network.model, RegionAttention)
    assert control is not None, "`changes.regions` is in force while the model is leased"
    return control


def _unchecked() -> None:
    """Whoever calls has checked."""

"""The samplers, each declared in a file of this folder, and the uniform call.

A file adds one: it declares `SPECS`, and every list of samplers follows from that. What there is
to know of them is told without torch.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Generator, Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from backend.contracts.errors import BadInput
from backend.contracts.samplers import SamplerEntry
from backend.contracts.settings.kinds import Variance
from backend.sampling.samplers.ancestral import ddim
from backend.sampling.samplers.spec import SamplerSpec
from backend.sampling.types import Denoiser, NoiseSource, Resume, Sampler, Schedule, Step

if TYPE_CHECKING:
    import torch


def declared(folders: Iterable[str], package: str) -> Mapping[str, SamplerSpec]:
    """Every spec that a file of these folders declares, in the order of their places.

    Raises:
        ValueError: Two have one name.
    """
    found: list[SamplerSpec] = []
    for module in pkgutil.iter_modules(folders):
        specs: tuple[SamplerSpec, ...] = getattr(
            import_module(f"{package}.{module.name}"), "SPECS", ()
        )
        found += specs
    by_name = {spec.name: spec for spec in sorted(found, key=lambda spec: spec.place)}
    if len(by_name) < len(found):
        raise ValueError("two samplers have one name")
    return MappingProxyType(by_name)


SPECS = declared(__path__, __name__)
SAMPLERS: Mapping[str, Sampler] = {name: spec.function for name, spec in SPECS.items()}
ENTRIES: Mapping[str, SamplerEntry] = {name: spec.entry for name, spec in SPECS.items()}


def sample(
    name: str,
    denoiser: Denoiser,
    x: torch.Tensor,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    eta: float = 0.0,
    variance: Variance = "eta",
    start: int = 0,
    resume: Resume | None = None,
) -> Generator[Step]:
    """Runs the sampler of that name; arguments as in `Sampler`.

    Args:
        eta: Fresh noise per step of `ddim`, 0..1.
        variance: Of `ddim`, see there.

    Raises:
        BadInput: eta or variance is set for a sampler that has none.
    """
    spec = SPECS[name]
    if spec.function is ddim:
        return ddim(
            denoiser, x, schedule, noise, eta=eta, variance=variance, start=start, resume=resume
        )
    if eta != 0 or variance != "eta":
        raise BadInput(f"Only the sampler 'ddim' has an eta; set it to 0 for '{name}'.", "eta")
    return spec.function(denoiser, x, schedule, noise, start=start, resume=resume)


def model_calls(name: str, steps: int) -> int:
    """How often a run of that many steps calls the denoiser."""
    calls, further = SPECS[name].calls_per_step, SPECS[name].warm_up_calls
    return calls * steps - (calls - 1) + (further if steps > 1 else 0) if steps else 0

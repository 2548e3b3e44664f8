"""Everything about one sampler in one place; its file declares it, and tables follow from that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from backend.contracts.samplers import SamplerEntry
    from backend.sampling.config import Spacing
    from backend.sampling.types import Sampler


@dataclass(frozen=True)
class Conventions:
    """What sets the diffusers class of a sampler apart: where it lays its noise levels.

    Attributes:
        kind: "vp" steps between alphas_cumprod of integer timesteps; "ve" keeps x unscaled and
            tells the model fractional timesteps; "solver" works in log-SNR on integer timesteps.
        spacing: Its default where the config is silent.
        betas: Its default (start, end, schedule).
        zero_snr: With rescaled betas the last alphas_cumprod is 0, an infinite sigma. Some
            classes put 2^-24 in its place, some ignore the rescaling, and some compute with the
            0; for those 2^-48 stands in, which no float32 result can tell from it.
        distilled: It takes a part of the schedule that its model was distilled on.
        strides: Its steps are T // n long, whatever the next timestep is, and it ends at
            `final_alpha_cumprod`.
        ends_above_zero: It heeds `final_sigmas_type`.
        ends_on_curve: A curve then ends at its own last level, not at the table's first.
        karras_range: Karras levels heed `sigma_min` and `sigma_max`.
        cosine_cut: On a cosine schedule its timesteps are cut off, not rounded.
        warms_up: It heeds `skip_prk_steps`.
        flows: It draws with flow models too.
    """

    kind: Literal["vp", "ve", "solver"]
    spacing: Spacing
    betas: tuple[float, float, str] = (0.0001, 0.02, "linear")
    zero_snr: Literal["clamped", "exact", "ignored"] = "clamped"
    distilled: bool = False
    strides: bool = False
    ends_above_zero: bool = False
    ends_on_curve: bool = False
    karras_range: bool = True
    cosine_cut: bool = False
    warms_up: bool = False
    flows: bool = True


@dataclass(frozen=True)
class SamplerSpec:
    """One sampler.

    Attributes:
        entry: Its name, titles and schedules, for whoever does not run it.
        function: Takes the steps.
        conventions: Of the diffusers class of that name.
        place: Where it stands in lists, from the front.
        order: Of convergence, with nothing but the model's error.
        calls_per_step: Model calls; a method of two makes one in its last step.
        warm_up_calls: Further calls at the start of a run of several steps.
    """

    entry: SamplerEntry
    function: Sampler
    conventions: Conventions
    place: int
    order: int = 1
    calls_per_step: int = 1
    warm_up_calls: int = 0

    @property
    def name(self) -> str:
        """What settings call it."""
        return self.entry.name

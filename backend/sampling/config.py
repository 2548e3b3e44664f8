"""The fields of a checkpoint's scheduler_config.json that shape a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.contracts.errors import ModelProblem
from backend.sampling.bounds import Bounds
from backend.sampling.flow_times import FlowConfig
from backend.sampling.types import VarianceType

TrainedTo = Literal["epsilon", "v_prediction", "sample"]
Spacing = Literal["leading", "linspace", "trailing"]
BetaSchedule = Literal["linear", "scaled_linear", "squaredcos_cap_v2"]

# Settings of diffusers' classes that change the maths and that no sampler here follows: the
# value each must have where it is given.
_ONLY: Mapping[str, Any] = {
    "interpolation_type": "linear",
    "timestep_type": "discrete",
    "timestep_scaling": 10.0,
    "use_beta_sigmas": False,
    "use_flow_sigmas": False,
    "use_lu_lambdas": False,
    "use_dynamic_shifting": False,
    "lambda_min_clipped": float("-inf"),
}
_FLOW_CLASSES = frozenset({"FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"})
ModelT = TypeVar("ModelT", bound=BaseModel)


class SchedulerConfig(BaseModel):
    """A scheduler configuration; None is "the config is silent, the class decides".

    Not read: the order and type of a solver, which the sampler's name says. `clip_sample` and
    `thresholding` are `bounds`, and heeded where a family says so: Stable Diffusion's latents have
    no range to clip to, and diffusers' pipeline turns clipping off there as well.

    Attributes:
        num_train_timesteps: T, training timesteps.
        beta_start: First beta.
        beta_end: Last beta.
        beta_schedule: How the betas run between the two.
        trained_betas: The betas themselves, (T,), instead of the three above.
        prediction_type: What the model predicts.
        timestep_spacing: Table 2 of 2305.08891.
        steps_offset: Added to the timesteps under `leading`.
        set_alpha_to_one: DDIM ends at sigma 0 (True) or at the level of timestep 0.
        rescale_betas_zero_snr: Algorithm 1 of 2305.08891.
        final_sigmas_type: End point of Euler, DPM++ and UniPC.
        use_karras_sigmas: What `model` means where the class knows Karras levels.
        use_exponential_sigmas: Likewise, exponential levels.
        sigma_min: Lowest level of these two, instead of the class's own range.
        sigma_max: Highest level of these two.
        original_inference_steps: Steps of the distillation schedule of an LCM.
        skip_prk_steps: `pndm` begins by PLMS; False: by Runge-Kutta.
        variance_type: What `ddpm` adds at each step.
        clip_sample: Whether x0 is clipped.
        clip_sample_range: To what.
        thresholding: Whether it is thresholded instead.
        dynamic_thresholding_ratio: The quantile of that.
        sample_max_value: The most that it lets through.
        flow: Of a flow model, to which nothing above matters but T; None for others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    num_train_timesteps: int = Field(1000, ge=2, le=100_000)
    beta_start: float | None = Field(None, gt=0.0, lt=1.0)
    beta_end: float | None = Field(None, gt=0.0, lt=1.0)
    beta_schedule: BetaSchedule | None = None
    trained_betas: tuple[float, ...] | None = None
    prediction_type: TrainedTo = "epsilon"
    timestep_spacing: Spacing | None = None
    steps_offset: int = Field(0, ge=0)
    set_alpha_to_one: bool = True
    rescale_betas_zero_snr: bool = False
    final_sigmas_type: Literal["zero", "sigma_min"] = "zero"
    use_karras_sigmas: bool = False
    use_exponential_sigmas: bool = False
    sigma_min: float | None = Field(None, gt=0.0)
    sigma_max: float | None = Field(None, gt=0.0)
    original_inference_steps: int = Field(50, ge=1)
    skip_prk_steps: bool = True
    variance_type: VarianceType = "fixed_small"
    clip_sample: bool = True
    clip_sample_range: float = Field(1.0, gt=0.0)
    thresholding: bool = False
    dynamic_thresholding_ratio: float = Field(0.995, gt=0.0, le=1.0)
    sample_max_value: float = Field(1.0, gt=0.0)
    flow: FlowConfig | None = None

    @property
    def bounds(self) -> Bounds | None:
        """Where x0 is kept, for models whose data have a range."""
        if self.thresholding:
            return Bounds(self.sample_max_value, self.dynamic_thresholding_ratio)
        return Bounds(self.clip_sample_range) if self.clip_sample else None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads the content of a scheduler_config.json; fields of no effect are passed over.

        Raises:
            ModelProblem: A value is damaged, or asks for a method that is not supported.
        """
        if values.get("_class_name") in _FLOW_CLASSES:
            flow = _read(FlowConfig, values)
            told = {"flow": flow, "num_train_timesteps": flow.num_train_timesteps}
            return cls.model_validate(told)
        for name, only in _ONLY.items():
            given = values.get(name)
            if given is not None and given != only:
                raise ModelProblem(
                    f"The model's scheduler config asks for {name} = {str(given)[:80]!r}, which is "
                    f"not supported; only {only!r} is."
                )
        return _read(cls, {name: value for name, value in values.items() if name != "flow"})


def _read(kind: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    known = {k: v for k, v in values.items() if k in kind.model_fields and v is not None}
    try:
        return kind.model_validate(known)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ModelProblem(
            f"The model's scheduler config has an unusable value for {name}: {first['msg']}."
        ) from None

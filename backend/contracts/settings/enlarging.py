"""Settings of a run whose model enlarges a small picture."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field

from backend.contracts.fields import says
from backend.contracts.settings import time_steps
from backend.contracts.settings.base import Settings

OWN = -1  # a noise level: the one that the model recommends
# What another model's run says nothing about.
_NOT_ITS = {"vae": "", "loras": (), "eta": 0.0, "variance": "eta", "class_label": 0}


class EnlargingStage(Settings):
    """What a diffusion upscaler draws: no mode of its own, but what its stored steps belong to."""

    mode: ClassVar[str] = "enlarging"

    noise_level: int = Field(
        0,
        ge=0,
        le=999,
        description="Noise on the picture that the model is shown.",
        json_schema_extra=says("start", step=1),
    )
    time_steps: str = Field(
        "",
        max_length=time_steps.MAX_CHARS,
        description="Falling time steps of your own, or one of IF's lists, instead of a schedule.",
        json_schema_extra=says("levels", axis=False),
    )

    @classmethod
    def of(cls, whole: Settings, size_px: tuple[int, int], **own: object) -> Self:
        """The stage of a run.

        Args:
            whole: Settings of the run, resolved; prompts, seeds and guidance's further settings
                are theirs.
            size_px: (width, height) that the stage draws.
            own: Its model, sampler, steps, guidance_scale, noise_level and time_steps.
        """
        shared = {name: getattr(whole, name) for name in Settings.model_fields}
        sizeless = {"width": None, "height": None, "schedule": "model"}
        stage = cls.model_validate(shared | _NOT_ITS | sizeless | own)
        # Set afterwards: it may be larger than what a person may ask of a single stage.
        return stage.model_copy(update={"width": size_px[0], "height": size_px[1]})

    @property
    def own_time_steps(self) -> tuple[int, ...]:
        return time_steps.listed(self.time_steps)

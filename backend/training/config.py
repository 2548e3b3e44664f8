"""What a LoRA is fitted with."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from backend.contracts.errors import BadInput, told
from backend.contracts.settings.kinds import MAX_SIDE_PX
from backend.training.adapter import ATTENTION, CONVOLUTIONS


class TrainingConfig(BaseModel):
    """Settings of a fit; the defaults are the recipe for a style.

    Attributes:
        output: The LoRA file to write; checkpoints go into `.training` beside it.
        rank: r.
        alpha: Scale alpha / r; None means r.
        convolutions: Fit the convolutions too, not attention alone (LoCon, Yeh et al. 2023,
            2309.14859): takes up textures sooner, in a file about four times as large.
        learning_rate: Of AdamW.
        least_weight: Each step is made at a weight drawn evenly between this and 1, so that the
            LoRA holds at lower weights too; 1 is the usual fit.
        lr_schedule: "constant" keeps it; "cosine" lets it fall to 0 along half a cosine.
        epochs: Passes over the pictures.
        steps: Optimizer steps; goes before `epochs`.
        batch_size: Pictures in one model call.
        accumulation: Model calls for one optimizer step.
        resolution: Side of the square crops in px; None means the model's native size.
        noise_offset: Share of a noise that is constant over each latent channel, so that
            brightness can be learned.
        min_snr_gamma: Clamp of the loss weights (Hang et al. 2023, 2303.09556); 5 is usual.
        max_grad_norm: Gradients are clipped to this norm.
        seed: Of the first weights, the order and the noise.
        checkpoint_every: Optimizer steps from one checkpoint to the next.
        trigger_words: For the file's metadata; none means what most captions share.
        file_dtype: Precision of the written LoRA; the fit itself is in float32.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    output: Path
    rank: int = Field(8, ge=1, le=256)
    alpha: float | None = Field(None, gt=0.0, le=1024.0)
    convolutions: bool = False
    learning_rate: float = Field(1e-4, gt=0.0, le=1.0)
    least_weight: float = Field(1.0, gt=0.0, le=1.0)
    lr_schedule: Literal["constant", "cosine"] = "constant"
    epochs: int = Field(15, ge=1, le=10_000)
    steps: int | None = Field(None, ge=1, le=1_000_000)
    batch_size: int = Field(1, ge=1, le=64)
    accumulation: int = Field(1, ge=1, le=256)
    resolution: int | None = Field(None, ge=1, le=MAX_SIDE_PX)
    noise_offset: float = Field(0.1, ge=0.0, le=1.0)
    min_snr_gamma: float | None = Field(None, gt=0.0, le=100.0)
    max_grad_norm: float = Field(1.0, gt=0.0)
    seed: int = Field(0, ge=0, lt=2**32)
    checkpoint_every: int = Field(500, ge=1)
    trigger_words: tuple[str, ...] = ()
    file_dtype: Literal["float32", "float16"] = "float32"

    @model_validator(mode="after")
    def _safetensors(self) -> Self:
        if self.output.suffix != ".safetensors":
            raise ValueError("output must end in .safetensors")
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """Ends of the paths of the layers that are fitted."""
        return ATTENTION + CONVOLUTIONS if self.convolutions else ATTENTION

    @property
    def work_folder(self) -> Path:
        """Where checkpoints and the state to resume from are kept."""
        return self.output.parent / ".training"

    @property
    def state_path(self) -> Path:
        """What a stopped fit goes on from."""
        return self.work_folder / f"{self.output.stem}.state.safetensors"

    def rate_at(self, step: int, total: int) -> float:
        """Learning rate of an optimizer step, counted from 0, of so many."""
        if self.lr_schedule == "constant":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * step / total))

    def total_steps(self, examples: int) -> int:
        """Optimizer steps of the whole fit, for so many pictures."""
        if self.steps is not None:
            return self.steps
        return self.epochs * -(-examples // (self.batch_size * self.accumulation))


class CommandConfig(TrainingConfig):
    """A fit from the command line: settings, model and pictures.

    Attributes:
        model: Name of the checkpoint.
        models: Folders that hold `checkpoints`.
        data: Folder of pictures, with metadata.jsonl or `caption`.
        caption: For pictures without a metadata.jsonl.
        device: See `devices.pick`.
        dtype: Of the frozen model.
        resume: Go on from the last state, where there is one.
    """

    model: str
    models: tuple[Path, ...] = (Path("models"),)
    data: Path
    caption: str = ""
    device: str = "auto"
    dtype: str = "auto"
    resume: bool = True


def read_config(path: Path) -> CommandConfig:
    """Reads CONFIG.json.

    Raises:
        BadInput: It cannot be read, or names the setting at fault.
    """
    try:
        return CommandConfig.model_validate(json.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path.name}: '{field}': {first['msg']}.", field or None) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path.name} cannot be read: {told(error)}.") from None

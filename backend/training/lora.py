"""Fitting a LoRA to pictures.

The recipe is the field's: AdamW on float32 LoRA weights over a frozen model, cached latents and
text embeddings, a constant or falling learning rate, noise offset, gradient clipping.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from backend.contracts.errors import (
    BadInput,
    Cancelled,
    DeadlineExceeded,
    NumericalProblem,
)
from backend.models.checkpoint import Checkpoint
from backend.models.interludes import Interludes, registered
from backend.models.memory.block_offload import kept
from backend.models.tensors import backward
from backend.models.text.clip import Conditioning
from backend.training.adapter import (
    Parameters,
    adapted,
    at_weight,
    load_state,
    save_lora,
    save_state,
    taken_out,
)
from backend.training.config import TrainingConfig
from backend.training.data import Picture, common_words, square
from backend.training.recipe import Noising, adamw, mixed, ordered, taken

Check = Callable[[], None]


@dataclass(frozen=True)
class Example:
    """A picture as the UNet sees it.

    Attributes:
        latent: (1, C, h, w) float32 on the CPU, the mean of the autoencoder's posterior.
        context: Embedded caption, (1, 77 k, D).
        caption: The caption itself.
    """

    latent: torch.Tensor
    context: Conditioning
    caption: str


@dataclass(frozen=True)
class TrainStep:
    """After an optimizer step.

    Attributes:
        step: Steps done, from 1.
        total: Steps of the whole fit.
        loss: Mean over the step's model calls.
    """

    step: int
    total: int
    loss: float


def prepare(
    model: Checkpoint, pictures: Sequence[Picture], resolution: int | None, check: Check
) -> list[Example]:
    """Encodes pictures and captions once.

    Args:
        resolution: Side in px; None means the smaller native side.
        check: Called before each picture.

    Raises:
        BadInput: There are no pictures, or one is too small.
    """
    if not pictures:
        raise BadInput("There are no pictures to learn from; add at least one.", "data")
    side = resolution or min(model.native_size)
    examples: list[Example] = []
    for picture in pictures:
        check()
        mean, _ = model.codec.encode(square(picture, side)[None])
        context = model.text.encode([picture.caption])
        examples.append(Example(mean.cpu(), context, picture.caption))
    return examples


def fit(
    config: TrainingConfig,
    model: Checkpoint,
    examples: Sequence[Example],
    check: Check,
    *,
    resume: bool = False,
    interludes: Interludes | None = None,
) -> Generator[TrainStep, None, Path]:
    """Fits a LoRA; the caller has the model to itself until the generator ends or is closed.

    Between two steps the model draws with the LoRA as it is then (for validation pictures); a
    caller who is stopped there throws that exception into the generator, which keeps a checkpoint.

    Args:
        config: See `TrainingConfig`.
        model: Its UNet is frozen, and its own again afterwards.
        examples: From `prepare`.
        check: Called before each model call; raises to stop.
        resume: Go on from the state of an earlier fit of the same settings and pictures, where
            there is one; the result is that of an uninterrupted fit.
        interludes: Holds, while the fit runs, what takes the LoRA out of the model for a while.

    Yields:
        A `TrainStep` after each optimizer step.

    Returns:
        The written file, `config.output`.

    Raises:
        Cancelled, DeadlineExceeded: From `check` or thrown in; the steps done so far are kept as a
            checkpoint.
        NumericalProblem: The loss is not finite; the last checkpoint is kept.
        BadInput: No examples, or the state to resume from is that of another fit.
        StorageProblem: A checkpoint could not be written.
    """
    if not examples:
        raise BadInput("There are no pictures to learn from; add at least one.", "data")
    alpha = float(config.rank) if config.alpha is None else config.alpha
    unet = model.network.model
    with (
        kept(model.patches, unet),
        adapted(unet, config.rank, alpha, config.seed, config.targets) as parameters,
        registered(interludes, partial(taken_out, unet)),
    ):
        run = _Run(config, model, examples, parameters, alpha)
        step = (
            load_state(run.state_path, parameters, run.optimizer, run.fingerprint) if resume else 0
        )
        total = config.total_steps(len(examples))
        saved = step
        try:
            while step < total:
                loss = run.step(step, config.rate_at(step, total), check)
                step += 1
                if step % config.checkpoint_every == 0 or step == total:
                    run.checkpoint(step)
                    saved = step
                yield TrainStep(step, total, loss)
        except (Cancelled, DeadlineExceeded):
            if step > saved:
                run.checkpoint(step)
            raise
        run.save(config.output)
    return config.output


class _Run:
    """One fit's optimizer, noise and files."""

    def __init__(
        self,
        config: TrainingConfig,
        model: Checkpoint,
        examples: Sequence[Example],
        parameters: Parameters,
        alpha: float,
    ) -> None:
        self._config, self._model, self._examples = config, model, examples
        self._parameters, self._alpha = parameters, alpha
        self._weights = list(parameters.values())
        self.optimizer = adamw(self._weights, config.learning_rate)
        self._noising = Noising(model.scheduler_config)
        self.state_path = config.state_path
        self.fingerprint = self._fingerprint()

    def step(self, step: int, rate: float, check: Check) -> float:
        """One optimizer step from its number alone: order and noise have no other state."""
        self.optimizer.zero_grad(set_to_none=True)
        losses: list[torch.Tensor] = []
        for part in range(self._config.accumulation):
            check()
            # Not around a yield: gradients are switched for this thread only.
            with torch.enable_grad(), at_weight(self._model.network.model, self._weight(step)):
                loss = self._loss(step * self._config.accumulation + part)
                backward(loss / self._config.accumulation)
            losses.append(loss.detach())
        norm = torch.nn.utils.clip_grad_norm_(self._weights, self._config.max_grad_norm)
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean) or not math.isfinite(float(norm)):
            raise NumericalProblem(
                f"The loss of step {step + 1} is not a number; lower the learning rate. The last "
                "checkpoint before it is kept."
            )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        taken(self.optimizer)
        return mean

    def _weight(self, step: int) -> float:
        """At which the LoRA acts in a step."""
        generator = torch.Generator().manual_seed(mixed(self._config.seed, "weight", step))
        share = float(torch.rand((), generator=generator))
        return 1.0 - share * (1.0 - self._config.least_weight)

    def _loss(self, call: int) -> torch.Tensor:
        config = self._config
        unet: Any = self._model.network
        chosen = [self._examples[index] for index in self._indices(call)]
        latents = torch.cat([example.latent for example in chosen])
        generator = torch.Generator().manual_seed(mixed(config.seed, "noise", call))
        timesteps = self._noising.drawn((len(chosen),), generator)
        noise = torch.randn(latents.shape, generator=generator)
        offset = torch.randn(*latents.shape[:2], 1, 1, generator=generator)
        noise = noise + config.noise_offset * offset
        noisy = self._noising.add(latents, noise, timesteps)
        predicted = self._model.network.prediction_type
        target = self._noising.target(predicted, latents, noise, timesteps)
        device, dtype = unet.model.device, unet.model.dtype
        prompts = Conditioning.cat([example.context for example in chosen])
        noisy = noisy.to(device, dtype)
        output = unet.model(
            noisy,
            timesteps.to(device),
            encoder_hidden_states=prompts.context.to(device, dtype),
            added_cond_kwargs=unet.added(prompts.pooled, noisy),
            return_dict=False,
        )[0].float()
        errors = (output - target.to(device)).square().mean(dim=(1, 2, 3))
        return (errors * self._loss_weights(timesteps).to(device)).mean()

    def _loss_weights(self, timesteps: torch.Tensor) -> torch.Tensor:
        """Min-SNR weights (2303.09556): min(snr, gamma) over snr for eps, snr + 1 for v."""
        gamma = self._config.min_snr_gamma
        if gamma is None:
            return torch.ones(len(timesteps))
        ab = self._noising.signal(timesteps)
        snr = ab / (1.0 - ab)
        clamped = snr.clamp(max=gamma)
        match self._model.network.prediction_type:
            case "epsilon":
                return clamped / snr.clamp(min=1e-8)
            case "v_prediction":
                return clamped / (snr + 1.0)
            case _:
                return clamped

    def _indices(self, call: int) -> list[int]:
        count, size = len(self._examples), self._config.batch_size
        places = range(call * size, (call + 1) * size)
        return [self._order(place // count)[place % count] for place in places]

    def _order(self, epoch: int) -> list[int]:
        return ordered(len(self._examples), mixed(self._config.seed, "order", epoch))

    def checkpoint(self, step: int) -> None:
        """A LoRA to try out, and the state to go on from."""
        self.save(self._config.work_folder / f"{self._config.output.stem}-{step:06d}.safetensors")
        save_state(self.state_path, self._parameters, self.optimizer, step, self.fingerprint)

    def save(self, path: Path) -> None:
        """Writes the LoRA as it is now."""
        config = self._config
        captions = [example.caption for example in self._examples]
        save_lora(
            path,
            self._parameters,
            getattr(torch, config.file_dtype),
            config.rank,
            self._alpha,
            config.targets,
            {
                "base_hash": self._model.hash,
                "base_name": self._model.name,
                "base_version": self._model.card.version,
                "trigger_words": json.dumps(config.trigger_words or common_words(captions)),
                "settings": json.dumps(self._settings()),
            },
        )

    def _settings(self) -> dict[str, object]:
        # Only what makes the weights; where they were written is the maker's own business.
        names = set(TrainingConfig.model_fields) - {"output", "checkpoint_every", "file_dtype"}
        return self._config.model_dump(mode="json", include=names)

    def _fingerprint(self) -> str:
        """Of everything that decides the weights but the number of steps."""
        settings = {
            key: value
            for key, value in self._settings().items()
            if key not in ("epochs", "steps", "trigger_words")
        }
        digest = hashlib.sha256(json.dumps([settings, self._model.hash]).encode())
        for example in self._examples:
            digest.update(example.latent.numpy().tobytes() + example.caption.encode() + b"\0")
        return digest.hexdigest()

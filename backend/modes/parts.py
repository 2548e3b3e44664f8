"""The pieces that modes compose: schedule, noise, starting point, guided denoiser, results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Any

import torch

from backend.contracts.errors import BadInput
from backend.contracts.events import Output, Pixels, Record
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import MAX_SEED, Settings
from backend.contracts.version import studio_version
from backend.models.catalog.catalog import part_hashes
from backend.models.checkpoint import Checkpoint
from backend.models.memory.devices import hardware
from backend.models.text.clip import Conditioning
from backend.modes import prompt_timeline
from backend.modes.context import Context
from backend.modes.prompt_timeline import Words
from backend.sampling import guidance
from backend.sampling import schedule as schedules
from backend.sampling.config import SchedulerConfig
from backend.sampling.noise import SeededNoise, VariationNoise
from backend.sampling.types import Denoiser, NoiseSource, Resume, Schedule, Step

Check = Callable[[], None]
BaseDenoiser = Callable[[Sequence[Conditioning], Check], Denoiser]
"""(conditionings, stacked along the batch: [negative, positive] or [positive]; check) -> model."""
THRESHOLD_LIMIT = 3.0  # latents of unit variance: about what |x0| reaches without guidance


def make_schedule(settings: Settings, model: Checkpoint) -> Schedule:
    """What the diffusers class of the sampler makes of the checkpoint's scheduler config."""
    config = SchedulerConfig.from_dict(model.scheduler_config)
    return schedules.make(
        settings.sampler, settings.schedule, settings.steps, config, model.info.family
    )


def make_noise(settings: Settings, model: Checkpoint, leaning: int = 0) -> NoiseSource:
    """One generator an image.

    Image i has seed + i. With a variation, as in A1111, all images share the seed and image i
    leans towards variation_seed + i.

    Args:
        leaning: Which draw starts the run, and so leans.
    """
    width, height = settings.drawn_size
    shape = (model.latent_channels, height // model.vae_factor, width // model.vae_factor)
    device = model.target.device
    base = SeededNoise(seeds(settings), shape, device)
    if settings.variation_strength == 0:
        return base
    other = SeededNoise(variation_seeds(settings), shape, device)
    return VariationNoise(base, other, settings.variation_strength, leaning)


def seeds(settings: Settings) -> list[int]:
    """Seed of each image of a request."""
    varied = settings.variation_strength > 0
    return [settings.image_seed(0 if varied else i) for i in range(settings.batch_size)]


def variation_seeds(settings: Settings) -> list[int]:
    """Variation seed of each image of a request."""
    first = settings.variation_seed
    return [(first + i) % (MAX_SEED + 1) for i in range(settings.batch_size)]


@dataclass(frozen=True)
class Origin:
    """Where a run begins.

    Attributes:
        schedule: The levels that it walks.
        x: (B, C, h, w) float32, variance-exploding scale, at the level of the first step.
        resume: The step of an earlier run to go on from, when nothing about the walk changed.
        before: Steps of the earlier run, up to that one.
        start: First step of the schedule to run, where nothing is resumed.
    """

    schedule: Schedule
    x: torch.Tensor
    resume: Resume | None = None
    before: tuple[Step, ...] = ()
    start: int = 0

    @property
    def first(self) -> int:
        """Index of the first step that is still to run."""
        return self.start if self.resume is None else self.resume.index + 1


def origin(
    request: Request, context: Context, model: Checkpoint, schedule: Schedule, noise: NoiseSource
) -> Origin:
    """Noise, or the stored step that the request branches from.

    Raises:
        BadInput: The branch has another size or batch than its run.
    """
    if request.branch is None:
        return Origin(schedule, noise.draw() * schedule.init_scale)
    return branched(request, request.branch, context, model, schedule, noise)


def branched(
    request: Request,
    branch: Branch,
    context: Context,
    model: Checkpoint,
    schedule: Schedule,
    noise: NoiseSource,
) -> Origin:
    """The stored step that the request branches from.

    Raises:
        BadInput: The branch has another size or batch than its run.
    """
    token, index = branch.token, branch.step
    past, step = context.branches.load(token, index)
    settings = request.settings
    check_branch(past, settings)
    before = tuple(context.branches.load(token, i)[1] for i in range(index + 1))
    same_walk = all(
        getattr(past, name) == getattr(settings, name)
        for name in ("model", "sampler", "schedule", "steps")
    )
    if same_walk:
        return Origin(schedule, step.x, Resume(step.index, step.state), before)
    noise.skip_to(step.state.draws)
    config = SchedulerConfig.from_dict(model.scheduler_config)
    shorter = schedules.continued(settings.sampler, schedule, step.sigma, config)
    return Origin(shorter, step.x, before=before)


def check_branch(past: Settings, settings: Settings) -> None:
    """Refuses a branch that cannot go on from its run's latents.

    Args:
        past: Settings of the stage that the stored step belongs to.
        settings: Of the branch.
    """
    settings = settings.part_like(past)
    if past.mode != settings.mode:
        raise BadInput(f"That run was made in {past.mode}; branch from it there.")
    if past.drawn_size != settings.drawn_size:
        width, height = past.drawn_size
        raise BadInput(
            f"A branch keeps the size of its run, {width}x{height} px; set the size back "
            "or start a new run.",
            "width",
        )
    if past.picture_count > past.batch_size or settings.picture_count > settings.batch_size:
        field = "compare" if settings.mode == "lora_mix" else "strengths"
        what = "LoRAs" if field == "compare" else "strengths"
        raise BadInput(
            f"Several {what} side by side cannot be branched; run the one that you like alone "
            "and branch from that.",
            field,
        )
    if settings.batch_count > 1:
        raise BadInput("A branch is one batch; set the batch count to 1.", "batch_count")
    if past.batch_size != settings.batch_size:
        raise BadInput(
            f"A branch keeps the batch of its run, {past.batch_size}; set it back or start a new "
            "run.",
            "batch_size",
        )


def make_denoiser(
    settings: Settings,
    model: Checkpoint,
    schedule: Schedule,
    check: Check,
    weights_key: str = "",
    *,
    first: int = 0,
    channels: torch.Tensor | None = None,
    base: BaseDenoiser | None = None,
) -> Denoiser:
    """The model under guidance, as the settings ask for it, for batches of any size.

    The negative prompt comes first in the batch; where nothing is to guide, only the conditional
    half runs.

    Args:
        weights_key: Names what LoRAs do to the text encoder now, for its cache.
        first: The step that the run begins with; parts of the run are counted from there.
        channels: What an inpainting model sees beside x, see `Unet.denoiser`.
        base: The UNet with what a mode puts under it; the plain one by default.

    Raises:
        BadInput: The model needs such channels and has none, or the other way round.
    """
    if (model.network.in_channels != model.latent_channels) != (channels is not None):
        raise BadInput(
            f"'{model.name}' is an inpainting model: it paints a mask in a picture; choose another "
            "model here, or take it to img2img.",
            "model",
        )
    under = base or partial(model.network.denoiser, channels=channels)

    def saying(words: Words) -> Denoiser:
        positive = model.text.encode([words.prompt], settings.clip_skip, weights_key)
        if settings.prompt_mix > 0:
            other = model.text.encode([words.prompt_b], settings.clip_skip, weights_key)
            positive = positive.lerp(other, settings.prompt_mix)
        negative = model.text.unconditional(words.negative, settings.clip_skip, weights_key)
        return guided(settings, model, schedule, check, positive, negative, under, first=first)

    return prompt_timeline.denoiser(settings, schedule, first, saying)


def guided(
    settings: Settings,
    model: Checkpoint,
    schedule: Schedule,
    check: Check,
    positive: Conditioning,
    negative: Conditioning,
    base: BaseDenoiser,
    *,
    first: int = 0,
) -> Denoiser:
    """The model under guidance for embedded prompts; arguments as in `make_denoiser`.

    Args:
        positive: What to draw, a row for each sample or for several in succession.
        negative: What to steer away from, as many rows.
    """
    assert settings.guidance_scale is not None
    length = max(positive.context.shape[1], negative.context.shape[1])
    positive = positive.padded(length)
    denoiser = guidance.cfg(
        base([negative, positive], check),
        base([positive], check),
        settings.guidance_scale,
        interval=guidance.sigma_range(
            schedule, settings.guidance_start, settings.guidance_end, first
        ),
        rescale=settings.guidance_rescale,
        prediction=model.network.prediction_type,
    )
    if settings.threshold_ratio > 0:
        denoiser = guidance.dynamic_threshold(denoiser, settings.threshold_ratio, THRESHOLD_LIMIT)
    return denoiser


def outputs(
    settings: Settings,
    model: Checkpoint,
    latents: torch.Tensor,
    context: Context,
    extra: Mapping[str, Any],
    *,
    first: int = 0,
    finish: Callable[[Pixels], Pixels] | None = None,
) -> Iterator[Output]:
    """Decodes one picture after the other, so that a stop keeps those that are done.

    Args:
        latents: (B, C, h, w) in the latent scale of the VAE.
        extra: Facts of this run, for the records.
        first: Place of the first of them in the job.
        finish: Makes the result of what was decoded, e.g. lays it over the original.
    """
    own_seeds, varied = seeds(settings), variation_seeds(settings)
    for index, row in enumerate(latents.split(1)):
        image = model.codec.decode(row, context.check)[0]
        alone = settings.model_copy(
            update={
                "batch_size": 1,
                "seed": own_seeds[index],
                "variation_seed": varied[index],
            }
        )
        record = Record(
            settings.mode,
            alone.model_dump(mode="json"),
            {"name": model.name, "hash": model.hash},
            {**facts(model), **learned_words(settings, model), **extra},
        )
        yield Output(first + index, image if finish is None else finish(image), record)


def facts(model: Checkpoint) -> dict[str, Any]:
    """What else a picture depends on, down to its rounding."""
    device = model.target.device
    return {
        "studio": studio_version(),
        "torch": torch.__version__,
        "diffusers": metadata.version("diffusers"),
        "device": str(device),
        "hardware": hardware(device),
        "dtype": model.target.dtype_name,
        **({"threads": torch.get_num_threads()} if device.type == "cpu" else {}),
        **({"compile": kind} if (kind := model.target.compile) != "off" else {}),
        **({"vae_hash": model.vae_hash} if model.vae_hash else {}),
        **({"part_hashes": hashes} if (hashes := part_hashes(model.info)) else {}),
    }


def learned_words(settings: Settings, model: Checkpoint) -> dict[str, Any]:
    """The textual inversions that the prompts name, by the SHA-256 of their files."""
    found = model.text.learned(settings.prompts)
    return {"embeddings": found} if found else {}


def input_facts(request: Request) -> dict[str, str]:
    """Which pictures a run was given, by the hashes of their pixels."""
    return {
        f"{name}_sha256": hashlib.sha256(pixels.tobytes()).hexdigest()
        for name, pixels in request.images.items()
    }

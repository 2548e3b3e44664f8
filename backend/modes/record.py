"""Pictures out of latents, and what their records say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata

import torch

from backend.contracts.events import Output, Pixels, Record
from backend.contracts.settings import Settings
from backend.contracts.settings.reference import REFERENCE, ReferenceFields
from backend.contracts.version import studio_version
from backend.models.catalog.hashes import part_hashes
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.image_attention import ImageAttention
from backend.models.memory.devices import Device, hardware
from backend.modes.stage import Stage
from backend.modes.start import seeds, variation_seeds


def singles(latents: torch.Tensor) -> list[torch.Tensor]:
    """(B, ...) -> B times (1, ...)."""
    return [latents[row : row + 1] for row in range(len(latents))]


def outputs(
    stage: Stage[Settings],
    latents: torch.Tensor,
    extra: Mapping[str, object],
    *,
    first: int = 0,
    finish: Callable[[Pixels], Pixels] | None = None,
) -> Iterator[Output]:
    """Decodes one picture after the other, so that a stop keeps those that are done.

    Args:
        stage: That drew them.
        latents: (B, C, h, w) in the latent scale of the VAE.
        extra: Facts of this run, for the records.
        first: Place of the first of them in the job.
        finish: Makes the result of what was decoded, e.g. lays it over the original.
    """
    settings, model = stage.settings, stage.model
    own_seeds, varied = seeds(settings), variation_seeds(settings)
    for index, row in enumerate(singles(latents)):
        image = model.codec.decode(row, stage.context.check)[0]
        alone = stage.context.course.noted(settings).model_copy(
            update={
                "batch_size": 1,
                "seed": own_seeds[index],
                "variation_seed": varied[index],
            }
        )
        words = learned_words(settings, model)
        record = recorded(alone, model, {**words, **reference_facts(stage), **extra})
        yield Output(first + index, image if finish is None else finish(image), record)


def recorded(settings: Settings, model: Checkpoint, extra: Mapping[str, object]) -> Record:
    """What makes a picture again, and what else it depends on.

    Args:
        settings: That draw this picture alone.
        model: That drew it.
        extra: Further facts.
    """
    return Record(
        settings.mode,
        settings.model_dump(mode="json"),
        {"name": model.name, "hash": model.hash},
        {**facts(model), **extra},
    )


def facts(model: Checkpoint) -> dict[str, object]:
    """What else a picture depends on, down to its rounding."""
    device = model.target.device
    return {
        "studio": studio_version(),
        "torch": torch.__version__,
        "diffusers": metadata.version("diffusers"),
        "device": str(device),
        "hardware": hardware(device),
        "dtype": model.target.dtype_name,
        **({"threads": torch.get_num_threads()} if Device(device).is_host else {}),
        **({"compile": kind} if (kind := model.target.compile) != "off" else {}),
        **({"vae_hash": model.vae_hash} if model.vae_hash else {}),
        **({"part_hashes": hashes} if (hashes := part_hashes(model.info)) else {}),
    }


def learned_words(settings: Settings, model: Checkpoint) -> dict[str, object]:
    """The textual inversions that the prompts name, by the SHA-256 of their files."""
    found = model.text.learned(settings.prompts)
    return {"embeddings": found} if found else {}


def reference_facts(stage: Stage[Settings]) -> dict[str, object]:
    """Which reference the pictures of a stage were drawn like, and by which file, by hashes."""
    settings, given = stage.settings, stage.context.pictures
    if not isinstance(settings, ReferenceFields) or not settings.refers:
        return {}
    model = stage.model
    control = model.patches.find(model.network.model, ImageAttention)
    by = {} if control is None else {"ipadapter_hash": control.adapter.hash}
    return {**input_facts({REFERENCE: given[REFERENCE]}), **by}


def input_facts(images: Mapping[str, Pixels]) -> dict[str, str]:
    """Which pictures a run was given, by the hashes of their pixels."""
    return {
        f"{name}_sha256": hashlib.sha256(pixels.tobytes()).hexdigest()
        for name, pixels in images.items()
    }

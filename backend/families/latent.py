"""Latent diffusion without a prompt (2112.10752): from noise or a class, and super resolution.

Folders of diffusers' `LDMPipeline` and `LDMSuperResolutionPipeline`: a `UNet2DModel` on the latents
of a first stage with a codebook (VQ) or a Gaussian (KL).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.contracts.capabilities import Enlarging, SizeGrid
from backend.contracts.errors import ModelProblem
from backend.families.bases import Unadorned
from backend.families.diffusers_folder import (
    CLASSES,
    FolderKind,
    check_index,
    sampler_of,
    weight_files,
)
from backend.families.pixels import CAN, UNET
from backend.families.stable_diffusion import CALL_MAPS, DECODE_MAPS, factor_of
from backend.models.catalog.card import Card
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.family import Anatomy, Findings

if TYPE_CHECKING:
    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

PLAIN, LARGER = "LDMPipeline", "LDMSuperResolutionPipeline"
VQ, KL = "VQModel", "AutoencoderKL"
KIND = FolderKind(
    frozenset({PLAIN, LARGER}),
    {
        "unet": frozenset({UNET}),
        "vqvae": frozenset({VQ, KL}),
        "scheduler": CLASSES["scheduler"],
    },
)
STEPS = {PLAIN: 50, LARGER: 100}


@dataclass(frozen=True)
class LatentFamily(Unadorned):
    """Unconditional and class-conditional latent models, and the one that enlarges."""

    name: str = "latent"
    kinds: tuple[str, ...] = (PLAIN, LARGER)

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        if not path.is_dir() or not KIND.owns(path):
            return None
        index = read_json(path / "model_index.json")
        cls = str(index["_class_name"])
        check_index(index, KIND)
        unet, first = (read_json(path / part / "config.json") for part in ("unet", "vqvae"))
        for part, config in (("unet", unet), ("vqvae", first)):
            if config.get("_class_name") not in KIND.classes[part]:
                raise ModelProblem(f"{part}/config.json names a class that cannot be used here.")
        scheduler = read_json(path / "scheduler" / "scheduler_config.json")
        channels = _channels(first)
        _check_channels(unet, channels, cls)
        weights, decoder = weight_files(path, "unet"), weight_files(path, "vqvae")
        for file in (*weights, *decoder):
            read_shapes(file)
        sample, factor = unet.get("sample_size") or 64, factor_of(first)
        height, width = (sample, sample) if isinstance(sample, int) else sample
        return Findings(
            family="ldm",
            native_size=(int(width) * factor, int(height) * factor),
            weights=weights,
            bytes=sum(file.stat().st_size for file in (*weights, *decoder)),
            title="LDM super resolution" if cls == LARGER else "LDM",
            anatomy=_anatomy(cls, unet, first, scheduler),
        )

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.families.latent_loading import load  # torch is slow to import

        return load(info, target)


def _channels(first: Mapping[str, Any]) -> int:
    """Of the latents: a codebook's entries may be of another width than the encoder's output."""
    standard = 3 if first.get("_class_name") == VQ else 4
    channels = first.get("latent_channels", standard)
    return int(first.get("vq_embed_dim") or channels)


def _check_channels(unet: Mapping[str, Any], channels: int, cls: str) -> None:
    seen, made = unet.get("in_channels", 3), unet.get("out_channels", 3)
    wanted = channels + 3 if cls == LARGER else channels
    if seen != wanted:
        beside = " and a picture" if cls == LARGER else ""
        raise ModelProblem(
            f"The UNet takes {str(seen)[:20]} channels, and the autoencoder's latents{beside} have "
            f"{wanted}: they do not belong together."
        )
    if made != channels:
        raise ModelProblem(f"The UNet makes {str(made)[:20]} channels of {channels}.")


def _anatomy(
    cls: str, unet: Mapping[str, Any], first: Mapping[str, Any], scheduler: Mapping[str, Any]
) -> Anatomy:
    widths = unet.get("block_out_channels") or (224,)
    factor = factor_of(first)
    step = factor * 2 ** (len(widths) - 1)  # each level but the last halves, and none of them pads
    classes = unet.get("num_class_embeds") or 0
    can = replace(CAN, classes=classes, steps=STEPS[cls], sampler=sampler_of(scheduler))
    if cls == LARGER:
        larger = Enlarging(factor)
        can = replace(can, from_noise=False, mask=False, inversion=False, enlarges=larger)
    return Anatomy(
        factor=factor,
        channels=_channels(first),
        sizes=SizeGrid(step_px=step, least_px=step, most_px=2048),
        can=can,
        call_values=CALL_MAPS * int(widths[0]),
        decode_values=DECODE_MAPS * int((first.get("block_out_channels") or (64,))[0]),
    )


LATENT = LatentFamily()

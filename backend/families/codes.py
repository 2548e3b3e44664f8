"""Pictures as codes: a `VQModel` (VQ-VAE 1711.00937, VQGAN 2012.09841) and its priors.

A folder of diffusers' `VQModel`. Beside its weights it may hold, in folders of their own, priors
(`transformer`, `pixelcnn`) with the `text_encoder` and `tokenizer` that read for them, and a second
model of the same codes that decodes them otherwise (`vqgan`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.contracts.capabilities import Capabilities, SizeGrid
from backend.contracts.errors import ModelProblem
from backend.families.bases import Unadorned
from backend.families.diffusers_folder import weight_files
from backend.families.stable_diffusion import DECODE_MAPS, factor_of
from backend.models.catalog.card import Card
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.family import Anatomy, Findings

if TYPE_CHECKING:
    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

VQ = "VQModel"
PRIORS: Mapping[str, str] = {"transformer": "CodesTransformer", "pixelcnn": "GatedPixelCNN"}
"""The folder of each, and the class that its config names."""
SHARPER = "vqgan"
MOST_PX = 512
CODES = 256  # of diffusers' VQModel where its config says nothing


@dataclass(frozen=True)
class CodesFamily(Unadorned):
    """VQ models by themselves, and what draws their codes."""

    name: str = "codes"
    kinds: tuple[str, ...] = (VQ,)

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        if not path.is_dir() or not _owns(path):
            return None
        config = read_json(path / "config.json")
        codes = _number(config.get("num_vq_embeddings", CODES), "num_vq_embeddings")
        priors = tuple(name for name in PRIORS if (path / name).is_dir())
        for name in priors:
            _check_prior(path, name, codes)
        if priors and not (path / "text_encoder").is_dir():
            raise ModelProblem("The priors have nothing that reads; text_encoder is missing.")
        parts = [*priors, *(["text_encoder"] if priors else [])]
        if (path / SHARPER).is_dir():
            _check_sharper(path, config)
            parts.append(SHARPER)
        own = weight_files(path.parent, path.name)
        files = (*own, *(file for part in parts for file in weight_files(path, part)))
        for file in files:
            read_shapes(file)
        factor = factor_of(config)
        side = _number(config.get("sample_size", 32), "sample_size")
        return Findings(
            family="codes",
            native_size=(side, side),
            weights=files,
            bytes=sum(file.stat().st_size for file in files),
            title="Codes",
            anatomy=_anatomy(config, codes, priors, factor),
        )

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.families.codes_loading import load  # torch is slow to import

        return load(info, target)

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """There is no noise, and so no schedule of it."""
        return {}


def _owns(path: Path) -> bool:
    config = path / "config.json"
    if (path / "model_index.json").exists() or not config.is_file():
        return False
    return read_json(config).get("_class_name") == VQ


def _number(value: object, name: str) -> int:
    if not isinstance(value, int) or not 0 < value <= 1 << 20:
        raise ModelProblem(f"config.json gives a {name} that is none.")
    return value


def _check_prior(path: Path, name: str, codes: int) -> None:
    config = read_json(path / name / "config.json")
    if config.get("_class_name") != PRIORS[name]:
        raise ModelProblem(f"{name}/config.json names a class that cannot be used here.")
    if config.get("codes", 512) != codes:
        raise ModelProblem(
            f"The prior in {name} draws {str(config.get('codes'))[:20]} codes, and the codebook "
            f"has {codes}: they do not belong together."
        )


def _check_sharper(path: Path, config: Mapping[str, Any]) -> None:
    other = read_json(path / SHARPER / "config.json")
    shape = ("num_vq_embeddings", "vq_embed_dim", "latent_channels")
    alike = all(other.get(name) == config.get(name) for name in shape)
    if other.get("_class_name") != VQ or not alike or factor_of(other) != factor_of(config):
        raise ModelProblem(f"The model in {SHARPER} is not one of the same codes.")


def _anatomy(
    config: Mapping[str, Any], codes: int, priors: tuple[str, ...], factor: int
) -> Anatomy:
    widths = config.get("block_out_channels") or (64,)
    can = Capabilities(
        prompt=bool(priors),
        negative_prompt=False,
        guidance="none",
        mask=False,
        inversion=False,
        controlnet=False,
        lora=False,
        attention=False,
        separate_vae=False,
        training=False,
        codes=codes,
        priors=priors,
    )
    return Anatomy(
        factor=factor,
        channels=int(config.get("vq_embed_dim") or config.get("latent_channels", 3)),
        sizes=SizeGrid(step_px=factor, least_px=factor, most_px=MOST_PX),
        can=can,
        decode_values=DECODE_MAPS * int(widths[0]),
    )


CODES_FAMILY = CodesFamily()

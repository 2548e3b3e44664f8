"""What the families of Stable Diffusion have in common, told without loading weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.contracts.capabilities import Capabilities, SizeGrid
from backend.contracts.errors import ModelProblem
from backend.families.configs import part_config
from backend.families.diffusers_folder import FolderKind, check_channels, inspect_folder
from backend.families.single_file import inspect_original
from backend.models.catalog.card import Card
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.safetensors_header import is_safetensors_name
from backend.models.catalog.traits import Traits, width_in
from backend.models.control.shape import ControlShape
from backend.models.family import Anatomy, Findings, Kin, TokenizerSource

if TYPE_CHECKING:
    from torch import nn
    from transformers import CLIPTokenizer

    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

SD1, SD2, XL = Kin("sd1", "SD 1.x"), Kin("sd2", "SD 2.x"), Kin("sdxl", "SDXL")
OTHER = Kin("sd", "a small model of its own kind")
BY_WIDTH = {768: SD1, 1024: SD2, 2048: XL}
"""Of the cross-attention."""
TINY_DECODERS = {"sd1": "taesd", "sd2": "taesd", "sdxl": "taesdxl"}
# Numbers held at the peak of a call and of decoding, in full-size maps of the first width;
# measured at SD 1.5 and at a small model, right within a factor of 1.5.
CALL_MAPS, DECODE_MAPS = 40, 8
POSITIONS = 77  # of CLIP's text encoders


@dataclass(frozen=True)
class StableDiffusionFamily:
    """A latent model with a UNet, a KL autoencoder and CLIP's text encoders.

    Attributes:
        name: What the catalog notes it by.
        folder: What its diffusers folders hold.
        owns_file: Whether a single file is its own.
        text_parts: Its text encoders, the first first.
        kindred: Its models by how trainers begin their names.
        others: What a width of nobody's belongs to; None leaves that to other families.
    """

    name: str
    folder: FolderKind
    owns_file: Callable[[Path], bool]
    text_parts: tuple[str, ...]
    kindred: Mapping[str, Kin] = field(default_factory=dict[str, Kin])
    others: Kin | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names by which files ask for it."""
        return tuple(sorted(self.folder.pipelines))

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        if path.is_dir():
            return self._in_folder(path) if self.folder.owns(path) else None
        if not is_safetensors_name(path) or not self.owns_file(path):
            return None
        original = inspect_original(path, card)
        check_channels(original.unet, original.vae, self.folder.beside)
        side = original.native_side_px
        texts = [original.config(part) for part in self.text_parts]
        return _findings(
            original.unet,
            original.vae,
            texts,
            native_size=(side, side),
            weights=(path,),
            nbytes=path.stat().st_size,
            note=original.note,
        )

    def _in_folder(self, path: Path) -> Findings:
        found = inspect_folder(path, self.folder)
        unet, vae = found.configs["unet"], found.configs["vae"]
        sample = unet.get("sample_size") or 64
        height, width = (sample, sample) if isinstance(sample, int) else sample
        factor = factor_of(vae)
        return _findings(
            unet,
            vae,
            [found.configs[part] for part in self.text_parts],
            native_size=(width * factor, height * factor),
            weights=found.files["unet"],
            nbytes=found.bytes,
        )

    def kin(self, traits: Traits) -> Kin | None:
        """See `Family.kin`."""
        own = self.kindred.values()
        if traits.cross_width:
            found = BY_WIDTH.get(traits.cross_width, self.others)
            return found if found in (*own, self.others) else None
        if traits.text_encoders:
            both = traits.text_encoders == len(self.text_parts) > 1
            return next(iter(own), None) if both else None
        said = traits.said.replace("stable-diffusion-", "sd_").replace("sd_xl", "sdxl")
        return next((kin for begins, kin in self.kindred.items() if said.startswith(begins)), None)

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        from backend.families.stable_diffusion_loading import load  # torch is slow to import

        return load(info, target, tiny_decoder, self.folder)

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`."""
        return part_config(info, "scheduler")

    def tokenizer(self, info: ModelInfo) -> TokenizerSource:
        """See `Family.tokenizer`."""
        positions = int(part_config(info, "text_encoder").get("max_position_embeddings", POSITIONS))
        if info.path.is_file():
            # Single files share one vocabulary; what fills a chunk up is not counted.
            return TokenizerSource("clip", _shared_tokenizer, positions)
        folder = info.path / "tokenizer"
        key = (folder, folder.stat().st_mtime_ns)
        return TokenizerSource(key, lambda: _own_tokenizer(folder), positions)

    def skeleton(self, info: ModelInfo) -> Mapping[str, nn.Module] | None:
        """See `Family.skeleton`; a single file's layers are known once it is loaded."""
        if not info.path.is_dir():
            return None
        from backend.families.stable_diffusion_loading import skeleton

        return skeleton(info, self.text_parts)


def _shared_tokenizer() -> CLIPTokenizer:
    from backend.models.text.clip_vocabulary import clip_tokenizer

    return clip_tokenizer()


def _own_tokenizer(folder: Path) -> CLIPTokenizer:
    from backend.families.stable_diffusion_loading import folder_tokenizer

    return folder_tokenizer(folder)


def factor_of(vae: Mapping[str, Any]) -> int:
    """Pixels for each latent position: the encoder halves between its levels."""
    return 2 ** (len(vae.get("block_out_channels", (0,) * 4)) - 1)


def _findings(
    unet: Mapping[str, Any],
    vae: Mapping[str, Any],
    texts: Sequence[Mapping[str, Any]],
    *,
    native_size: tuple[int, int],
    weights: tuple[Path, ...],
    nbytes: int,
    note: str | None = None,
) -> Findings:
    kin = BY_WIDTH.get(width_in(unet.get("cross_attention_dim")), OTHER)
    return Findings(
        family=kin.name,
        native_size=native_size,
        weights=weights,
        bytes=nbytes,
        note=note,
        title="" if kin is OTHER else kin.title,
        anatomy=_anatomy(unet, vae, texts, TINY_DECODERS.get(kin.name, "")),
    )


def _anatomy(
    unet: Mapping[str, Any],
    vae: Mapping[str, Any],
    texts: Sequence[Mapping[str, Any]],
    tiny_decoder: str,
) -> Anatomy:
    channels, factor = int(vae.get("latent_channels", 4)), factor_of(vae)
    plain = unet.get("in_channels") == channels  # an inpainting model sees the mask beside them
    return Anatomy(
        factor=factor,
        channels=channels,
        sizes=SizeGrid(step_px=factor, least_px=min(64, 8 * factor)),
        can=Capabilities(from_noise=plain, training=plain),
        text_widths=tuple(int(text.get("hidden_size", 0)) for text in texts),
        control=ControlShape.of_unet(unet, factor),
        tiny_decoder=tiny_decoder,
        call_values=CALL_MAPS * _first(unet, 320),
        decode_values=DECODE_MAPS * _first(vae, 128),
    )


def _first(config: Mapping[str, Any], standard: int) -> int:
    widths = config.get("block_out_channels") or (standard,)
    if not isinstance(widths, list | tuple) or not isinstance(widths[0], int):
        raise ModelProblem("A config gives the widths of its blocks, but not as numbers.")
    return widths[0]

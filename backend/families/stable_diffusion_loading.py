"""Loading Stable Diffusion: from a catalog entry to a model that is ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from backend.contracts.errors import ModelProblem
from backend.families.configs import part_config
from backend.families.diffusers_folder import FolderKind, inspect_folder
from backend.families.folder_loading import load_part
from backend.families.probe import probed
from backend.families.sdxl_sizes import SizeConditions
from backend.families.single_file import inspect_original
from backend.families.single_file_weights import load_original
from backend.models.autoencoder.latent_rgb import latent_rgb_for
from backend.models.autoencoder.vae import Vae
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.unet import Unet
from backend.models.loading import guarded, load_module, ready
from backend.models.memory.devices import Target
from backend.models.patches import PatchStack
from backend.models.text.clip import TextEncoder
from backend.models.text.clip_sdxl import SdxlTextEncoder
from backend.models.text.clip_vocabulary import PAD, clip_tokenizer

ModuleT = TypeVar("ModuleT", bound=nn.Module)
TextModel = CLIPTextModel | CLIPTextModelWithProjection


def load(
    info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None, kind: FolderKind
) -> Checkpoint:
    """Loads a checkpoint, see `Family.load`.

    Args:
        info: Of a folder or a single file.
        target: Where to and in which precision.
        tiny_decoder: For previews of the kind `tiny`.
        kind: What a folder of its family holds.
    """
    patches = PatchStack()
    # Its parts are inspected again, though the catalog has looked: files change.
    if info.path.is_file():
        parts = _from_file(info, target, patches)
    else:
        parts = _from_folder(info.path, target, kind, patches)
    info = _tried_out(info, parts)
    scheduler_config = part_config(info, "scheduler")
    vae = Vae(parts.vae, patches=patches)
    return Checkpoint(
        info=info,
        target=target,
        scheduler_config=scheduler_config,
        text=parts.text,
        network=Unet(
            parts.unet,
            str(scheduler_config.get("prediction_type", "epsilon")),
            _conditions(parts.unet, vae.factor),
            target.compile,
            patches,
        ),
        codec=vae,
        latent_rgb=latent_rgb_for(vae),
        tiny=_load_tiny(tiny_decoder, vae, target),
        patches=patches,
    )


def _conditions(unet: UNet2DConditionModel, factor: int) -> SizeConditions | None:
    """What the UNet is told beside the prompt's context, as its config has it."""
    sized = unet.config["addition_embed_type"] == "text_time"
    return SizeConditions(factor, unet.dtype) if sized else None


def _tried_out(info: ModelInfo, parts: _Parts) -> ModelInfo:
    """The entry with what its UNet predicts, found by trying it where its file does not say."""
    if not info.path.is_file() or not inspect_original(info.path, info.card).guessed:
        return info
    found = probed(parts.unet, parts.text.encode([""]).context)
    card = info.card.model_copy(update={"prediction_type": found})
    side = inspect_original(info.path, card).native_side_px
    note = f"Tried out: this SD 2.x model predicts {'noise (eps)' if found == 'epsilon' else 'v'}."
    return replace(info, card=card, native_size=card.native_size or (side, side), note=note)


@dataclass(frozen=True, eq=False)
class _Parts:
    """What a folder or a file holds, ready to run."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text: TextEncoder | SdxlTextEncoder


def _from_folder(folder: Path, target: Target, kind: FolderKind, patches: PatchStack) -> _Parts:
    inspect_folder(folder, kind)
    index = read_json(folder / "model_index.json")
    first = load_part(CLIPTextModel, folder, "text_encoder", target)
    tokenizer = _load_tokenizer(folder / "tokenizer", first)
    vae_target = target
    if "text_encoder_2" in kind.classes:
        second = load_part(CLIPTextModelWithProjection, folder, "text_encoder_2", target)
        text = SdxlTextEncoder(
            TextEncoder(first, tokenizer, penultimate=True, patches=patches),
            TextEncoder(
                second,
                _load_tokenizer(folder / "tokenizer_2", second),
                penultimate=True,
                patches=patches,
            ),
            zero_empty=bool(index.get("force_zeros_for_empty_prompt", True)),
        )
        if read_json(folder / "vae" / "config.json").get("force_upcast", True):
            vae_target = _in_float32(target)
    else:
        text = TextEncoder(first, tokenizer, patches=patches)
    return _Parts(
        unet=load_part(UNet2DConditionModel, folder, "unet", target),
        vae=load_part(AutoencoderKL, folder, "vae", vae_target),
        text=text,
    )


def _in_float32(target: Target) -> Target:
    """For SDXL's autoencoder, whose activations leave float16's range.

    Other checkpoints carry the flag too, as a default of the library that nothing reads.
    """
    return replace(target, dtype=torch.float32)


def _from_file(info: ModelInfo, target: Target, patches: PatchStack) -> _Parts:
    name = info.path.name
    original = inspect_original(info.path, info.card)
    tokenizer = clip_tokenizer(PAD[original.layout])
    loaded = guarded(lambda: load_original(info.path, original, target.dtype), name)
    _check_vocabulary(tokenizer, loaded.text_encoder)
    first = ready(loaded.text_encoder, name, target)
    vae_target = target
    if loaded.text_encoder_2 is not None:
        second = ready(loaded.text_encoder_2, name, target)
        text = SdxlTextEncoder(
            TextEncoder(first, tokenizer, penultimate=True, patches=patches),
            TextEncoder(second, clip_tokenizer(PAD["sd2"]), penultimate=True, patches=patches),
            zero_empty=True,
        )
        vae_target = _in_float32(target)
    else:
        text = TextEncoder(first, tokenizer, patches=patches)
    return _Parts(
        unet=ready(loaded.unet, name, target),
        vae=ready(loaded.vae, name, vae_target),
        text=text,
    )


def _load_tiny(info: ModelInfo | None, vae: Vae, target: Target) -> AutoencoderTiny | None:
    if info is None:
        return None
    tiny = load_module(
        AutoencoderTiny, info.path, f"{info.name}/{info.weights[0].name}", target, {}
    )
    return tiny if tiny.config["latent_channels"] == vae.latent_channels else None


def _load_tokenizer(folder: Path, text_model: TextModel) -> CLIPTokenizer:
    tokenizer = folder_tokenizer(folder)
    _check_vocabulary(tokenizer, text_model)
    return tokenizer


def _check_vocabulary(tokenizer: CLIPTokenizer, text_model: TextModel) -> None:
    if len(tokenizer) > text_model.config.vocab_size:
        raise ModelProblem(
            f"The tokenizer knows {len(tokenizer)} tokens, the text encoder only "
            f"{text_model.config.vocab_size}: they do not belong together."
        )


def folder_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer of a folder.

    Raises:
        ModelProblem: It cannot be loaded.
    """
    kind = _untyped(CLIPTokenizer)
    return guarded(lambda: kind.from_pretrained(folder, local_files_only=True), folder.name)


def _untyped(kind: type) -> Any:
    """A class of a library whose loaders say nothing of their types."""
    return kind


def skeleton(info: ModelInfo, text_parts: tuple[str, ...]) -> Mapping[str, nn.Module]:
    """The parts of a folder that LoRAs change, without memory behind their weights."""
    folder = info.path
    unet, text_config = _untyped(UNet2DConditionModel), _untyped(CLIPTextConfig)
    with torch.device("meta"):
        parts: dict[str, nn.Module] = {
            "unet": unet.from_config(read_json(folder / "unet" / "config.json"))
        }
        classes = (CLIPTextModel, CLIPTextModelWithProjection)
        for part, cls in zip(text_parts, classes, strict=False):
            parts[part] = cls(text_config.from_pretrained(folder / part))
    return parts

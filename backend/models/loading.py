"""Loading: from a catalog entry to models that are ready to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from backend.contracts.errors import LoomError, ModelProblem, OutOfMemory
from backend.models.autoencoder.preview import latent_rgb_for
from backend.models.autoencoder.vae import Vae
from backend.models.catalog.catalog import ModelInfo
from backend.models.catalog.configs import part_config
from backend.models.catalog.layout import inspect_folder, is_sdxl, read_json, weight_files
from backend.models.catalog.original import inspect_original
from backend.models.catalog.original_weights import load_original
from backend.models.catalog.probe import probed
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.unet import Unet
from backend.models.memory.devices import Target
from backend.models.text.clip import TextEncoder
from backend.models.text.clip_sdxl import SdxlTextEncoder
from backend.models.text.clip_vocabulary import PAD, clip_tokenizer

# Progress bars of the libraries would land in the terminal, in the middle of our own lines.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()

ModuleT = TypeVar("ModuleT", bound=nn.Module)
TextModel = CLIPTextModel | CLIPTextModelWithProjection


def load_checkpoint(
    info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None = None
) -> Checkpoint:
    """Loads a checkpoint, ready to run: evaluation mode, no gradients, layout and dtype set.

    Args:
        info: From `Catalog.checkpoint`.
        target: Where to and in which precision.
        tiny_decoder: From `Catalog.tiny_decoder`, for previews of the kind `tiny`.

    Raises:
        ModelProblem: A file is missing or damaged; names it.
        OutOfMemory: The device cannot hold it.
    """
    # Its parts are inspected again, though the catalog has looked: files change.
    parts = _from_file(info, target) if info.path.is_file() else _from_folder(info.path, target)
    info = _tried_out(info, parts)
    scheduler_config = part_config(info, "scheduler")
    vae = Vae(parts.vae)
    return Checkpoint(
        info=info,
        target=target,
        scheduler_config=scheduler_config,
        text=parts.text,
        network=Unet(
            parts.unet,
            str(scheduler_config.get("prediction_type", "epsilon")),
            vae.factor,
            target.compile,
        ),
        codec=vae,
        latent_rgb=latent_rgb_for(vae),
        tiny=_load_tiny(tiny_decoder, vae, target),
    )


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


def _from_folder(folder: Path, target: Target) -> _Parts:
    inspect_folder(folder)
    index = read_json(folder / "model_index.json")
    first = _load_part(CLIPTextModel, folder, "text_encoder", target)
    tokenizer = _load_tokenizer(folder / "tokenizer", first)
    vae_target = target
    if is_sdxl(index):
        second = _load_part(CLIPTextModelWithProjection, folder, "text_encoder_2", target)
        text = SdxlTextEncoder(
            TextEncoder(first, tokenizer, penultimate=True),
            TextEncoder(second, _load_tokenizer(folder / "tokenizer_2", second), penultimate=True),
            zero_empty=bool(index.get("force_zeros_for_empty_prompt", True)),
        )
        if read_json(folder / "vae" / "config.json").get("force_upcast", True):
            vae_target = _in_float32(target)
    else:
        text = TextEncoder(first, tokenizer)
    return _Parts(
        unet=_load_part(UNet2DConditionModel, folder, "unet", target),
        vae=_load_part(AutoencoderKL, folder, "vae", vae_target),
        text=text,
    )


def _in_float32(target: Target) -> Target:
    """For SDXL's autoencoder, whose activations leave float16's range.

    Other checkpoints carry the flag too, as a default of the library that nothing reads.
    """
    return replace(target, dtype=torch.float32)


def _from_file(info: ModelInfo, target: Target) -> _Parts:
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
            TextEncoder(first, tokenizer, penultimate=True),
            TextEncoder(second, clip_tokenizer(PAD["sd2"]), penultimate=True),
            zero_empty=True,
        )
        vae_target = _in_float32(target)
    else:
        text = TextEncoder(first, tokenizer)
    return _Parts(
        unet=ready(loaded.unet, name, target),
        vae=ready(loaded.vae, name, vae_target),
        text=text,
    )


def _load_part(cls: type[ModuleT], folder: Path, part: str, target: Target) -> ModuleT:
    files = weight_files(folder, part)
    options: dict[str, Any] = {"variant": "fp16"} if ".fp16." in files[0].name else {}
    return load_module(cls, folder / part, f"{part}/{files[0].name}", target, options)


def _load_tiny(info: ModelInfo | None, vae: Vae, target: Target) -> AutoencoderTiny | None:
    if info is None:
        return None
    tiny = load_module(
        AutoencoderTiny, info.path, f"{info.name}/{info.weights[0].name}", target, {}
    )
    return tiny if tiny.config["latent_channels"] == vae.latent_channels else None


def load_module(
    cls: type[ModuleT], folder: Path, file: str, target: Target, options: dict[str, Any]
) -> ModuleT:
    """One part of a model, ready to run: every tensor present and finite, no gradients.

    Args:
        cls: Its class in diffusers or transformers.
        folder: Holds config.json and the weights.
        file: How errors name the weights.
        target: Device and dtype.
        options: Further arguments of `from_pretrained`.

    Raises:
        ModelProblem: A file is missing or damaged; names it.
        OutOfMemory: The device cannot hold it.
    """
    dtype_key = "torch_dtype" if issubclass(cls, ModelMixin) else "dtype"  # diffusers' name

    def load() -> tuple[ModuleT, dict[str, Any]]:
        return cls.from_pretrained(  # type: ignore[attr-defined]
            folder,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **{dtype_key: target.dtype},
            **options,
        )

    module, report = guarded(load, file)
    # The libraries only warn about these and go on with random weights.
    missing = sorted(report["missing_keys"]) + [str(key) for key in report["mismatched_keys"]]
    if missing:
        raise ModelProblem(
            f"The file {file} lacks {len(missing)} of its tensors, e.g. '{missing[0][:120]}'."
        )
    return ready(module, file, target)


def ready(module: ModuleT, file: str, target: Target) -> ModuleT:
    """In evaluation mode, checked to be finite, on the device in its layout."""
    module.eval().requires_grad_(False)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not _finite(tensor):
            raise ModelProblem(f"The file {file} is damaged: '{name}' is not finite.")
    return guarded(
        lambda: module.to(device=target.device).to(memory_format=target.memory_format), file
    )


def _finite(tensor: torch.Tensor) -> bool:
    """Whether all values are; by their sum, which is several times as fast as to ask each."""
    total = tensor.sum(dtype=torch.promote_types(tensor.dtype, torch.float32))
    return bool(torch.isfinite(total)) or bool(torch.isfinite(tensor).all())


def _load_tokenizer(folder: Path, text_model: TextModel) -> CLIPTokenizer:
    tokenizer = guarded(
        lambda: CLIPTokenizer.from_pretrained(folder, local_files_only=True), folder.name
    )
    _check_vocabulary(tokenizer, text_model)
    return tokenizer


def _check_vocabulary(tokenizer: CLIPTokenizer, text_model: TextModel) -> None:
    if len(tokenizer) > text_model.config.vocab_size:
        raise ModelProblem(
            f"The tokenizer knows {len(tokenizer)} tokens, the text encoder only "
            f"{text_model.config.vocab_size}: they do not belong together."
        )


ResultT = TypeVar("ResultT")


def guarded(work: Callable[[], ResultT], file: str) -> ResultT:
    """Runs a library's loader on files that anybody may have made.

    Its failures take any form, so all of them become one sentence that names the file.
    """
    try:
        return work()
    except LoomError:
        raise
    except (MemoryError, torch.OutOfMemoryError):
        raise OutOfMemory(
            "There is not enough memory to load the model; close other programs, or choose a "
            "smaller model or dtype."
        ) from None
    except Exception as error:
        first_line = str(error).strip().splitlines()[0][:160] if str(error).strip() else ""
        raise ModelProblem(
            f"The file {file} cannot be loaded: {type(error).__name__} {first_line}".rstrip() + "."
        ) from error

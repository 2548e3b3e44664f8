"""Where models lie: the folders of a root by both naming habits, and what looks like a model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from backend.models.catalog.entry import Kind
from backend.models.catalog.safetensors_header import (
    GGUF,
    PICKLE_SUFFIXES,
    is_safetensors_name,
)

FOLDERS: dict[str, Kind] = {
    "checkpoints": "checkpoint",
    "stable-diffusion": "checkpoint",
    "diffusion_models": "checkpoint",
    "unet": "checkpoint",
    "loras": "lora",
    "lora": "lora",
    "lycoris": "lora",
    "controlnet": "controlnet",
    "vae": "vae",
    "vae_approx": "tiny_decoder",
    "vae-approx": "tiny_decoder",
    "embeddings": "embedding",
    "embedding": "embedding",
    "upscalers": "upscaler",
    "upscale_models": "upscaler",
    "esrgan": "upscaler",
    "realesrgan": "upscaler",
    "swinir": "upscaler",
    "dat": "upscaler",
    "ipadapter": "ipadapter",
    "ip-adapter": "ipadapter",
    "ip_adapter": "ipadapter",
}
MAX_DEPTH = 4
VAE_BESIDE = ".vae.safetensors"  # A1111's name for an autoencoder among the checkpoints


def candidates(root: Path) -> Iterator[tuple[Path, Path, Kind]]:
    """All that looks like a model below the known folders of a root: folder, path and kind."""
    for folder in listing(root):
        kind = FOLDERS.get(folder.name.lower())
        if kind is not None and folder.is_dir():
            for path in _walk(folder, MAX_DEPTH):
                if kind == "ipadapter" and path.is_dir():
                    continue  # the encoder that adapters read pictures by
                beside = kind == "checkpoint" and path.name.lower().endswith(VAE_BESIDE)
                yield folder, path, "vae" if beside else kind


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for path in listing(folder):
        if path.is_dir():
            if is_model_folder(path):
                yield path
            elif depth > 1:
                yield from _walk(path, depth - 1)
        elif is_safetensors_name(path) or path.suffix.lower() in (*PICKLE_SUFFIXES, GGUF):
            yield path


def listing(folder: Path) -> list[Path]:
    """What is in a folder, by name, hidden ones left out; nothing where it cannot be read."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [folder / name for name in names if not name.startswith(".")]


def is_model_folder(path: Path) -> bool:
    """An index or a config, or (with those lost) the parts of a checkpoint."""
    marks = ("model_index.json", "config.json", "unet", "vae", "text_encoder")
    return any((path / mark).exists() for mark in marks)

"""The finished model as a diffusers folder: half-precision safetensors, a card, a README."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from toyworld.palette import COLOURS
from toyworld.sampling import SCHEDULER_CONFIG
from toyworld.scene import HELD_OUT, POSITIONS
from toyworld.settings import SETTINGS
from toyworld.subjects import SUBJECTS
from toyworld.world import FIRST, WORLDS, World

EXAMPLE_PROMPTS = (
    "a red house on grass",
    "a blue boat on the sea",
    "a yellow star at night",
    "a pink heart on sand",
    "a big purple mushroom in a forest",
    "a purple balloon and a yellow balloon at sunset",
    "a big blue umbrella on grass",
    "a red car on sand",
    "a red mushroom and a blue mushroom on grass",
    "a red flower in a meadow",
)

_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.35.0",
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "safety_checker": [None, None],
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
}


def world_of(folder: Path) -> World:
    """The world that a model learned, as its card says; the first, where it says nothing."""
    return WORLDS[json.loads((folder / "card.json").read_text()).get("world", FIRST.version)]


def version_of(world: World) -> str:
    """Of the weights that learned it; LoRAs and ControlNets name the one they were trained on."""
    return f"Pocket {world.version}"


def card(guidance: float, world: World) -> dict[str, object]:
    """What the studio shows and uses: size, guidance, prompts, words; and which world it is of."""
    return {
        "name": "Pocket",
        "version": version_of(world),
        "default": True,
        "description": "The studio's own small model: it draws one or two toy things in a scene.",
        "native_size": [256, 256],
        "world": world.version,
        "guidance_scale": guidance,
        "hires": {"denoise": 0.3, "upscaler": "lanczos"},
        "example_prompts": list(EXAMPLE_PROMPTS),
        "known_words": {
            "subjects": list(SUBJECTS),
            "colours": list(COLOURS),
            "settings": list(SETTINGS),
            "sizes": ["small", "big"],
            "positions": list(POSITIONS),
        },
    }


def readme(table: str, world: World = FIRST) -> str:
    """The model card: what it is, what it knows, how well, how it was made."""
    maker = "train" if world is FIRST else "pocket"
    pairs = ", ".join(f"{colour} {name}" for name, colour in sorted(HELD_OUT))
    return f"""---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---

# Pocket

A small latent diffusion model with Stable Diffusion's parts (CLIP text encoder, UNet, autoencoder;
v prediction), native size 256x256. It learned nothing but the drawn, captioned scenes of
`toyworld/`, which this project renders itself, so it comes with no third-party data.

- Subjects: {", ".join(SUBJECTS)}
- Colours: {", ".join(COLOURS)}
- Settings: {", ".join(SETTINGS)}
- Also: small / big, on the left / in the centre / on the right, two subjects with "and".

Held out of training altogether: {pairs}.

Made by `python -m toyworld.{maker}`, measured by `python -m toyworld.score`.

## Score

{table}
"""


def half_precision(module: nn.Module) -> nn.Module:
    """A copy in float16, in evaluation mode."""
    clone = copy.deepcopy(module).to(torch.float16).to(memory_format=torch.contiguous_format)
    return clone.eval()


def write_folder(
    folder: Path, tokenizer: CLIPTokenizer, text: CLIPTextModel, unet: UNet2DConditionModel,
    vae: AutoencoderKL, guidance: float, table: str = "Not measured yet.",
    world: World = FIRST,
) -> None:  # fmt: skip
    """Write the model beside `folder`, then swap it in, so that readers never see half of it."""
    aside = folder.with_name(folder.name + ".part")
    if aside.exists():
        shutil.rmtree(aside)
    aside.mkdir(parents=True)
    tokenizer.save_pretrained(aside / "tokenizer")
    half_precision(text).save_pretrained(aside / "text_encoder")
    text_config = aside / "text_encoder" / "config.json"
    # transformers loads in the config's type, diffusers in float32: keep the parts alike
    write_json(text_config, json.loads(text_config.read_text()) | {"dtype": "float32"})
    half_precision(unet).save_pretrained(aside / "unet")
    half_precision(vae).save_pretrained(aside / "vae")
    for part in ("unet", "vae"):
        forget_origin(aside / part)
    DDIMScheduler.from_config(SCHEDULER_CONFIG).save_pretrained(aside / "scheduler")
    write_json(aside / "model_index.json", _INDEX)
    write_json(aside / "card.json", card(guidance, world))
    (aside / "README.md").write_text(readme(table, world))
    old = folder.with_name(folder.name + ".old")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def forget_origin(part: Path) -> None:
    """Takes out of a part's config where it was loaded from: that is nobody's business."""
    config = part / "config.json"
    kept = json.loads(config.read_text())
    kept.pop("_name_or_path", None)
    write_json(config, kept)


def write_json(path: Path, value: object) -> None:
    """Write readable JSON."""
    path.write_text(json.dumps(value, indent=2) + "\n")

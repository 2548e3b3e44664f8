"""What a model's folder or file is, found out without loading its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.contracts.errors import ModelProblem
from backend.models.catalog.safetensors_header import PICKLE_SUFFIXES, Shapes, read_shapes

# Only these classes are ever built from a folder; an unknown name means an unknown layout at
# best, and somebody's code at worst.
PIPELINES = frozenset(
    {
        "StableDiffusionPipeline",
        "StableDiffusionInpaintPipeline",
        "StableDiffusionXLPipeline",
        "StableDiffusionXLInpaintPipeline",
    }
)
PARTS: dict[str, frozenset[str]] = {
    "unet": frozenset({"UNet2DConditionModel"}),
    "vae": frozenset({"AutoencoderKL"}),
    "text_encoder": frozenset({"CLIPTextModel"}),
    "tokenizer": frozenset({"CLIPTokenizer", "CLIPTokenizerFast"}),
    "scheduler": frozenset(
        {
            "DDIMScheduler",
            "DDPMScheduler",
            "PNDMScheduler",
            "LCMScheduler",
            "EulerDiscreteScheduler",
            "EulerAncestralDiscreteScheduler",
            "HeunDiscreteScheduler",
            "LMSDiscreteScheduler",
            "DPMSolverMultistepScheduler",
            "DPMSolverSinglestepScheduler",
            "UniPCMultistepScheduler",
            "DEISMultistepScheduler",
        }
    ),
}
# What SDXL has beside those.
SDXL_PARTS: dict[str, frozenset[str]] = {
    "text_encoder_2": frozenset({"CLIPTextModelWithProjection"}),
    "tokenizer_2": PARTS["tokenizer"],
}
# Listed by real checkpoints, never loaded here.
UNUSED_PARTS = frozenset({"safety_checker", "feature_extractor", "image_encoder"})
LIBRARIES = frozenset({"diffusers", "transformers", "stable_diffusion"})
WEIGHTS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
}
SIZE_IDS = 6  # numbers that SDXL's UNet is told: original size, crop, target size
FAMILIES = {768: "sd1", 1024: "sd2", 2048: "sdxl"}  # by width of the cross-attention


@dataclass(frozen=True)
class Findings:
    """What was found out.

    Attributes:
        family: sd1, sd2, sdxl, "sd" for Stable Diffusion's parts in other sizes, "" if unknown.
        native_size: (width, height), px.
        weights: The files that define the denoiser, for the content hash.
        bytes: Size of all weight files.
        note: Something that had to be assumed.
    """

    family: str
    native_size: tuple[int, int]
    weights: tuple[Path, ...]
    bytes: int
    note: str | None = None


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object of a model folder.

    Raises:
        ModelProblem: It is missing, unreadable or not an object.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelProblem(f"The file {name} is missing.") from None
    except (OSError, ValueError, RecursionError):
        raise ModelProblem(f"The file {name} is damaged: it is not readable as JSON.") from None
    if not isinstance(value, dict):
        raise ModelProblem(f"The file {name} is damaged: it does not hold a JSON object.")
    return value


def inspect_folder(folder: Path) -> Findings:
    """Checks a diffusers folder from its index down to the header of each weight file.

    Raises:
        ModelProblem: Names the file that is missing, damaged or of a kind that is refused.
    """
    index = read_json(folder / "model_index.json")
    _check_index(index)
    sdxl = is_sdxl(index)
    weighty = [part for part in WEIGHTS if sdxl or part not in SDXL_PARTS]
    configs = {part: read_json(folder / part / "config.json") for part in weighty}
    for part in ("unet", "vae"):
        if configs[part].get("_class_name") not in PARTS[part]:
            raise ModelProblem(f"{part}/config.json names a class that cannot be used here.")
    read_json(folder / "scheduler" / "scheduler_config.json")
    for part in ("tokenizer", "tokenizer_2") if sdxl else ("tokenizer",):
        _check_tokenizer(folder / part)
    files = {part: weight_files(folder, part) for part in weighty}
    for path in (path for group in files.values() for path in group):
        read_shapes(path)
    unet, vae = configs["unet"], configs["vae"]
    latents = vae.get("latent_channels", 4)
    # An inpainting model sees the mask and the masked latents beside the latents themselves.
    if unet.get("in_channels") not in (latents, 2 * latents + 1):
        raise ModelProblem(
            "The UNet takes other channels than the autoencoder's latents (a depth checkpoint, "
            "perhaps); only text-to-image and inpainting checkpoints can be used."
        )
    _check_conditions(unet, configs.get("text_encoder_2"))
    sample = unet.get("sample_size") or 64
    height, width = (sample, sample) if isinstance(sample, int) else sample
    factor = 2 ** (len(vae.get("block_out_channels", (0,) * 4)) - 1)
    return Findings(
        family=family_of_width(unet.get("cross_attention_dim")),
        native_size=(width * factor, height * factor),
        weights=files["unet"],
        bytes=sum(path.stat().st_size for group in files.values() for path in group),
    )


def is_sdxl(index: dict[str, Any]) -> bool:
    """Whether a model_index.json belongs to SDXL."""
    return str(index.get("_class_name")).startswith("StableDiffusionXL")


def inspect_file(path: Path) -> Findings:
    """Checks a single .safetensors file and recognises its family by the shapes inside.

    Raises:
        ModelProblem: It is missing, a pickle, or damaged.
    """
    shapes = read_shapes(path)
    family = family_of(shapes)
    side = {"sd2": 768, "sdxl": 1024}.get(family, 512)
    return Findings(family, (side, side), (path,), path.stat().st_size)


def family_of(shapes: Shapes) -> str:
    """Family by the input width of a cross-attention key projection (or of its LoRA)."""
    for name, shape in shapes.items():
        key = name.replace(".", "_")
        low_rank_up = "lora_up" in key or "lora_B" in key
        if "attn2_to_k" in key and len(shape) == 2 and not low_rank_up:
            return family_of_width(shape[1])
    return ""


def family_of_width(width: object) -> str:
    """Family by the width of the cross-attention; "sd" for sizes of nobody else's."""
    return FAMILIES.get(width, "sd") if isinstance(width, int) else "sd"


def weight_files(folder: Path, part: str) -> tuple[Path, ...]:
    """The safetensors files of a part: whole, half-precision variant, or shards.

    Raises:
        ModelProblem: There are none; says so if there are pickles instead.
    """
    stem = WEIGHTS[part]
    for name in (f"{stem}.safetensors", f"{stem}.fp16.safetensors"):
        if (folder / part / name).exists():
            return (folder / part / name,)
    index = folder / part / f"{stem}.safetensors.index.json"
    if index.exists():
        shards = set(read_json(index).get("weight_map", {}).values())
        # A shard is a plain name beside the index; anything else would leave the folder.
        if not shards or any(Path(str(shard)).name != shard for shard in shards):
            raise ModelProblem(f"The file {part}/{index.name} is damaged.")
        return tuple(folder / part / shard for shard in sorted(shards))
    if (folder / part).is_dir() and any(
        path.suffix.lower() in PICKLE_SUFFIXES for path in (folder / part).iterdir()
    ):
        raise ModelProblem(
            f"{part} holds pickled weights only, which can run code when they are opened; "
            "convert the model to .safetensors."
        )
    raise ModelProblem(f"The file {part}/{stem}.safetensors is missing.")


def _check_index(index: dict[str, Any]) -> None:
    name = index.get("_class_name")
    if name not in PIPELINES:
        raise ModelProblem(
            f"Checkpoints of the kind '{str(name)[:80]}' cannot be used; "
            f"supported: {', '.join(sorted(PIPELINES))}."
        )
    parts = PARTS | SDXL_PARTS if is_sdxl(index) else PARTS
    for part, value in index.items():
        if part.startswith("_") or not isinstance(value, list):
            continue
        library, cls = [*value, None, None][:2]
        if library is None and cls is None and part not in parts:
            continue
        known = part in UNUSED_PARTS or cls in parts.get(part, ())
        if library not in LIBRARIES or not known:
            raise ModelProblem(
                f"model_index.json asks for '{str(cls)[:80]}' as {part[:80]}, which is not one of "
                "the classes that are allowed here."
            )
    for part in parts:
        if part not in index:
            raise ModelProblem(f"model_index.json has no entry for {part}.")


def _check_conditions(unet: dict[str, Any], second: dict[str, Any] | None) -> None:
    """Whether the UNet is conditioned on what its text encoders give."""
    wanted = unet.get("addition_embed_type")
    if wanted != (None if second is None else "text_time"):
        raise ModelProblem(
            "The UNet is conditioned on other things than its text encoders give; only plain "
            "Stable Diffusion and SDXL checkpoints can be used."
        )
    if second is not None:
        sizes = SIZE_IDS * unet.get("addition_time_embed_dim", 256)
        pooled = unet.get("projection_class_embeddings_input_dim", 0) - sizes
        if pooled != second.get("projection_dim", 512):
            raise ModelProblem(
                "The UNet takes other size conditions than SDXL's base model (a refiner, "
                "perhaps), which cannot be used here."
            )


def _check_tokenizer(folder: Path) -> None:
    name = folder.name
    if (folder / "tokenizer.json").exists():
        read_json(folder / "tokenizer.json")
        return
    read_json(folder / "vocab.json")
    if not (folder / "merges.txt").is_file():
        raise ModelProblem(f"The file {name}/merges.txt is missing.")

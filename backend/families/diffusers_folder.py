"""A checkpoint in a diffusers folder: what it must hold, checked without loading its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from backend.contracts.errors import ModelProblem
from backend.models.catalog.compvis import SIZE_IDS
from backend.models.catalog.configs import read_json
from backend.models.catalog.safetensors_header import PICKLE_SUFFIXES, read_shapes

# Only these classes are ever built from a folder; an unknown name means an unknown layout at
# best, and somebody's code at worst.
CLASSES: dict[str, frozenset[str]] = {
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
# By their schedulers' classes; where the class has no sampler of its name, DDIM draws.
SAMPLERS: Mapping[str, str] = {
    "DDPMScheduler": "ddpm",
    "LCMScheduler": "lcm",
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "euler_a",
    "HeunDiscreteScheduler": "heun",
    "LMSDiscreteScheduler": "lms",
    "PNDMScheduler": "pndm",
    "DPMSolverMultistepScheduler": "dpmpp_2m",
    "UniPCMultistepScheduler": "unipc",
}
# Listed by real checkpoints, never loaded here.
UNUSED_PARTS = frozenset({"safety_checker", "feature_extractor", "image_encoder", "watermarker"})
LIBRARIES = frozenset({"diffusers", "transformers", "stable_diffusion", "deepfloyd_if"})
WEIGHTS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
    "text_encoder_3": "model",
    "transformer": "diffusion_pytorch_model",
}


Sight = Literal["mask", "picture", "source"]
"""What a UNet may see beside its latents."""


@dataclass(frozen=True)
class FolderKind:
    """What the folders of a family hold.

    Attributes:
        pipelines: Classes that their index may name.
        classes: Part -> the classes that it may be of.
        beside: mask: nothing, or a mask and masked latents; picture: a small picture;
            source: the latents of a picture of its own size.
        may_lack: Parts that the index may name as absent.
    """

    pipelines: frozenset[str]
    classes: Mapping[str, frozenset[str]]
    beside: Sight = "mask"
    may_lack: frozenset[str] = frozenset()

    @property
    def weighty(self) -> tuple[str, ...]:
        """The parts that have weights."""
        return tuple(part for part in WEIGHTS if part in self.classes)

    def owns(self, folder: Path) -> bool:
        """Whether it has an index, and that names one of the pipelines.

        Raises:
            ModelProblem: The index is damaged.
        """
        if not (folder / "model_index.json").is_file():
            return False
        return read_json(folder / "model_index.json").get("_class_name") in self.pipelines


@dataclass(frozen=True)
class Folder:
    """A folder, checked.

    Attributes:
        configs: Of the parts that have weights.
        files: Their weight files.
    """

    configs: Mapping[str, dict[str, Any]]
    files: Mapping[str, tuple[Path, ...]]

    @property
    def bytes(self) -> int:
        """Size of all weight files."""
        return sum(path.stat().st_size for group in self.files.values() for path in group)


def sampler_of(scheduler: Mapping[str, Any]) -> str:
    """The sampler that a scheduler's config asks for."""
    return SAMPLERS.get(str(scheduler.get("_class_name")), "ddim")


def inspect_folder(folder: Path, kind: FolderKind) -> Folder:
    """Checks a diffusers folder from its index down to the header of each weight file.

    Raises:
        ModelProblem: Names the file that is missing, damaged or of a kind that is refused.
    """
    check_index(read_json(folder / "model_index.json"), kind)
    configs = {part: read_json(folder / part / "config.json") for part in kind.weighty}
    for part in ("unet", "vae"):
        if configs[part].get("_class_name") not in kind.classes[part]:
            raise ModelProblem(f"{part}/config.json names a class that cannot be used here.")
    read_json(folder / "scheduler" / "scheduler_config.json")
    for part in (part for part in kind.classes if part.startswith("tokenizer")):
        _check_tokenizer(folder / part)
    files = {part: weight_files(folder, part) for part in kind.weighty}
    for path in (path for group in files.values() for path in group):
        read_shapes(path)
    check_channels(configs["unet"], configs["vae"], kind.beside)
    _check_conditions(configs["unet"], configs.get("text_encoder_2"))
    return Folder(configs, files)


def check_channels(unet: Mapping[str, Any], vae: Mapping[str, Any], beside: Sight = "mask") -> None:
    """Whether the UNet takes the latents, alone or beside what its kind sees.

    Raises:
        ModelProblem: It takes something else.
    """
    latents = vae.get("latent_channels", 4)
    if beside == "picture":
        if unet.get("in_channels") != latents + 3:
            raise ModelProblem(
                "The UNet takes other channels than the autoencoder's latents and a picture; an "
                "upscaler takes both."
            )
        return
    if beside == "source":
        if unet.get("in_channels") != 2 * latents:
            raise ModelProblem(
                "The UNet takes other channels than the autoencoder's latents twice; a model that "
                "edits pictures takes its own and the picture's."
            )
        return
    if unet.get("in_channels") not in (latents, 2 * latents + 1):
        raise ModelProblem(
            "The UNet takes other channels than the autoencoder's latents (a depth checkpoint, "
            "perhaps); only text-to-image and inpainting checkpoints can be used."
        )


def weight_files(folder: Path, part: str) -> tuple[Path, ...]:
    """The safetensors files of a part: whole, half-precision variant, or shards.

    Raises:
        ModelProblem: There are none; says so if there are pickles instead.
    """
    stem = WEIGHTS.get(part, WEIGHTS["unet"])  # a UNet may be the root of its folder
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
    inside = sorted((folder / part).iterdir()) if (folder / part).is_dir() else []
    pickles = [path for path in inside if path.suffix.lower() in PICKLE_SUFFIXES]
    if pickles:
        raise ModelProblem(
            f"{part} holds pickled weights only, which can run code when they are opened; make "
            "safetensors of them by: "
            f"python -m backend.models.convert {folder.name}/{part}/{pickles[0].name}"
        )
    raise ModelProblem(f"The file {part}/{stem}.safetensors is missing.")


def check_index(index: Mapping[str, Any], kind: FolderKind) -> None:
    """Whether a folder's index names the parts that it needs, and classes that may be built.

    Raises:
        ModelProblem: Names what is missing or refused.
    """
    for part, value in index.items():
        if part.startswith("_") or not isinstance(value, list):
            continue
        library, cls = [*cast("list[Any]", value), None, None][:2]
        absent = library is None and cls is None
        if absent and (part not in kind.classes or part in kind.may_lack):
            continue
        known = part in UNUSED_PARTS or cls in kind.classes.get(part, ())
        if library not in LIBRARIES or not known:
            raise ModelProblem(
                f"model_index.json asks for '{str(cls)[:80]}' as {part[:80]}, which is not one of "
                "the classes that are allowed here."
            )
    for part in kind.classes:
        if part not in index and part not in kind.may_lack:
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

"""What a file or folder is, from headers and configs; why it cannot be used, where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from backend.contracts.errors import ModelProblem
from backend.models.catalog.card import Card, read_card
from backend.models.catalog.compvis import vae_config
from backend.models.catalog.configs import read_json
from backend.models.catalog.entry import Kind, ModelInfo, words
from backend.models.catalog.gguf_header import gguf_shapes, is_gguf_name
from backend.models.catalog.safetensors_header import is_safetensors_name, read_shapes
from backend.models.catalog.traits import Traits, traits_of, width_in
from backend.models.control.controlnet_file import controlnet_config
from backend.models.family import Family, Findings, Registry
from backend.models.ipadapter.header import encoder_of, shape_of
from backend.models.text.embedding_header import bundled_names, inspect_embedding
from backend.models.upscaler.header import upscaler_kind

CONFIG_CLASSES: dict[str, Kind] = {
    "ControlNetModel": "controlnet",
    "AutoencoderKL": "vae",
    "AutoencoderTiny": "tiny_decoder",
}
NO_SIZE = (512, 512)  # of what draws nothing by itself


def bundled(lora: ModelInfo, families: Registry) -> Iterator[ModelInfo]:
    """The embeddings in a LoRA's file."""
    for name in bundled_names(read_shapes(lora.path)):
        family, problem = "", None
        try:
            family = families.kin(inspect_embedding(lora.path, name).traits).name
        except ModelProblem as error:
            problem = str(error)
        yield ModelInfo(
            name, lora.path, "embedding", family, lora.bytes, problem=problem, inside=name
        )


def kind_of(path: Path) -> Kind:
    """Of a folder whose place does not say: by its config's class."""
    config = path / "config.json"
    if (path / "model_index.json").exists() or not config.is_file():
        return "checkpoint"
    try:
        return CONFIG_CLASSES.get(str(read_json(config).get("_class_name")), "checkpoint")
    except ModelProblem:
        return "checkpoint"


def describe(path: Path, kind: Kind, families: Registry) -> ModelInfo:
    """The entry of a file or folder, with its problem where it cannot be used."""
    folder = path.is_dir()
    name = path.name if folder else path.stem
    card, note, recognised_by = Card(), None, ""
    try:
        card = read_card(path / "card.json" if folder else path.with_suffix(".card.json"))
    except ModelProblem as problem:
        note = str(problem)
    try:
        if kind == "checkpoint":
            family, findings = _recognise(path, card, families)
            recognised_by = family.name
        else:
            kind, findings = _inspect(path, kind, families)
    except ModelProblem as problem:
        return ModelInfo(name, path, kind, card=card, problem=str(problem), note=note)
    except Exception as error:
        # Configs and headers of strangers hold anything; the scan goes on.
        sentence = f"Its configuration is damaged ({type(error).__name__})."
        return ModelInfo(name, path, kind, card=card, problem=sentence, note=note)
    return ModelInfo(
        name,
        path,
        kind,
        findings.family,
        findings.bytes,
        card,
        card.native_size or findings.native_size,
        findings.weights,
        note=note or findings.note,
        recognised_by=recognised_by,
        family_title=findings.title,
        anatomy=replace(findings.anatomy, can=card.recommended(findings.anatomy.can)),
        scale=findings.scale,
    )


def _recognise(path: Path, card: Card, families: Registry) -> tuple[Family, Findings]:
    """Whose a checkpoint is."""
    if not is_gguf_name(path):
        _refuse_pickle(path)
        return families.recognise(path, card)
    found = families.asked(path, card)
    if found is None:
        gguf_shapes(path)  # says what is wrong with a damaged one
        raise ModelProblem(
            f"{path.name} is a GGUF file of another model than Flux.1 and Z-Image, whose are read; "
            "take its .safetensors file."
        )
    return found


def _refuse_pickle(path: Path) -> None:
    if is_gguf_name(path):
        raise ModelProblem(
            f"{path.name} is a GGUF file; among checkpoints such files of Flux.1 and Z-Image are "
            "read. Take a .safetensors file."
        )
    if path.is_file() and not is_safetensors_name(path):
        raise ModelProblem(
            f"{path.name} is a pickle, which can run code when it is opened; make a .safetensors "
            f"file of it by: python -m backend.models.convert {path.parent.name}/{path.name}"
        )


def _inspect(path: Path, kind: Kind, families: Registry) -> tuple[Kind, Findings]:
    """What is no checkpoint."""
    if kind == "upscaler":
        return kind, _inspect_upscaler(path)
    _refuse_pickle(path)
    if kind == "ipadapter":
        return kind, _inspect_adapter(path, families)
    if path.is_dir():
        return _inspect_part(path, kind, families)
    if kind == "vae":
        vae_config(read_shapes(path), path)
    if kind == "controlnet":
        controlnet_config(path)
    embedding = kind == "embedding"
    traits = inspect_embedding(path).traits if embedding else traits_of(read_shapes(path))
    return kind, Findings(families.kin(traits).name, NO_SIZE, (path,), path.stat().st_size)


def _inspect_upscaler(path: Path) -> Findings:
    """A one-pass upscaler: a file, published as a pickle more often than not."""
    if path.is_dir():
        raise ModelProblem("An upscaler is one .safetensors file, no folder.")
    _refuse_pickle(path)
    found = upscaler_kind(read_shapes(path))
    return Findings(found.architecture, NO_SIZE, (path,), path.stat().st_size, scale=found.scale)


def _inspect_adapter(path: Path, families: Registry) -> Findings:
    """An IP-Adapter, which is of no use without its image encoder."""
    shape = shape_of(path)
    encoder = encoder_of(path, shape) / "model.safetensors"
    nbytes = path.stat().st_size + encoder.stat().st_size
    return Findings(families.kin(Traits(cross_width=shape.width)).name, NO_SIZE, (path,), nbytes)


def _inspect_part(folder: Path, kind: Kind, families: Registry) -> tuple[Kind, Findings]:
    """A folder that holds one diffusers model: a ControlNet or an autoencoder."""
    config = read_json(folder / "config.json")
    cls = str(config.get("_class_name"))
    actual = CONFIG_CLASSES.get(cls)
    if actual is None or (actual == "controlnet") != (kind == "controlnet"):
        raise ModelProblem(f"config.json names '{cls[:80]}', which is not a {words(kind)}.")
    weights = folder / "diffusion_pytorch_model.safetensors"
    crosses = config.get("cross_attention_dim") if actual == "controlnet" else None
    family = families.kin(Traits(cross_width=width_in(crosses))).name
    read_shapes(weights)
    return actual, Findings(family, NO_SIZE, (weights,), weights.stat().st_size)

"""LoRAs, ControlNets and IP-Adapters of the catalog, each with the models that it fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from backend.contracts.errors import ModelProblem
from backend.contracts.library import ControlNetEntry, IpAdapterEntry, LoraEntry
from backend.models.catalog.beside import picture_of, told_of
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.entry import ModelInfo
from backend.models.control import controlnet
from backend.models.ipadapter.header import shape_of
from backend.models.lora.blocks import UNET
from backend.models.lora.fit import LoraFits


def loras_of(catalog: Catalog, fits: LoraFits) -> tuple[LoraEntry, ...]:
    """What the page and `resolve` are told of each LoRA."""
    return tuple(_loras(catalog, fits))


def _loras(catalog: Catalog, fits: LoraFits) -> Iterator[LoraEntry]:
    models = [info for info in catalog.models("checkpoint") if info.problem is None]
    for info in catalog.models("lora"):
        try:
            lora = fits.header(info.path)
        except OSError:
            continue  # it went away; the next refresh drops it
        told = told_of(info.path)
        reasons = {model.name: fits.problem(lora, model) for model in models}
        yield LoraEntry(
            name=info.name,
            bytes=info.bytes,
            family=catalog.families.kin(lora.traits).name,
            rank=lora.rank,
            trigger_words=tuple(dict.fromkeys((*lora.trigger_words, *told.words))),
            notes=(*map(_offered, lora.bundled), *lora.left_out),
            problem=info.problem or lora.problem,
            misfits={name: reason for name, reason in reasons.items() if reason},
            base=lora.metadata.base_version or info.family_title or info.family,
            about=told.about,
            weight=told.weight,
            picture=picture_of(info.path) is not None,
            blocks=UNET in lora.parts,
        )


def _offered(word: str) -> str:
    return f"It brings the embedding '{word[:80]}', which is a word of prompts here."


def controlnets_of(catalog: Catalog) -> tuple[ControlNetEntry, ...]:
    """What they are told of each ControlNet."""
    checkpoints = [info for info in catalog.models("checkpoint") if info.problem is None]
    return tuple(
        ControlNetEntry(
            name=info.name,
            bytes=info.bytes,
            problem=info.problem,
            detectors=controlnet.trained_on(info),
            fits=tuple(
                model.name
                for model in checkpoints
                if info.problem is None and controlnet.fits(info, model)
            ),
            misfits={
                model.name: said
                for model in checkpoints
                if (said := model.card.misfit(info.card.base_version)) is not None
            },
        )
        for info in catalog.models("controlnet")
    )


def ipadapters_of(catalog: Catalog) -> tuple[IpAdapterEntry, ...]:
    """What they are told of each IP-Adapter; the number of its layers only loading compares."""
    checkpoints = [info for info in catalog.models("checkpoint") if info.problem is None]
    return tuple(
        IpAdapterEntry(
            info.name,
            info.bytes,
            info.problem,
            tuple(model.name for model in checkpoints if _follows(info, model)),
        )
        for info in catalog.models("ipadapter")
    )


def _follows(adapter: ModelInfo, model: ModelInfo) -> bool:
    """Whether the widths of an adapter's layers are those of a model's."""
    control = model.anatomy.control
    if adapter.problem is not None or control is None:
        return False
    try:
        shape = shape_of(adapter.path)
    except (ModelProblem, OSError):
        return False  # it went away, or was changed; the next refresh says so
    config = dict(control.encoder)
    widths = cast("tuple[int, ...]", config.get("block_out_channels") or ())
    fits = all(hidden in widths for hidden, _ in shape.layers)
    return fits and config.get("cross_attention_dim") == shape.width

"""Names in settings, looked up in the library."""

from __future__ import annotations

from typing import TypeVar

from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.library import (
    ControlNetEntry,
    IpAdapterEntry,
    Library,
    LoraEntry,
    ModelEntry,
    VaeEntry,
    unknown,
)
from backend.contracts.settings import ClipSettings, LoraUse, Settings, StyleTransferSettings
from backend.contracts.settings.reference import ReferenceFields

NamedT = TypeVar(
    "NamedT", bound=ModelEntry | LoraEntry | VaeEntry | ControlNetEntry | IpAdapterEntry
)


def model(library: Library, name: str) -> ModelEntry:
    """The checkpoint of that name, usable; "" is the default one.

    Raises:
        UnknownName: There is none; near names are told.
        ModelProblem: It is there but cannot be used.
    """
    return _found("model", name or library.default_model, library.models, "model")


def called(settings: Settings, library: Library) -> Settings:
    """Names with folders, as other tools write them, as those that the files have here."""
    loras = tuple(_called(use, library) for use in settings.loras)
    regions = tuple(
        region.model_copy(update={"loras": tuple(_called(use, library) for use in region.loras)})
        for region in getattr(settings, "regions", ())
    )
    changed: dict[str, object] = {
        "model": library.called("model", settings.model),
        "vae": library.called("vae", settings.vae),
        "loras": loras,
    }
    if regions:
        changed["regions"] = regions
    told = {name: value for name, value in changed.items() if value != getattr(settings, name)}
    return settings.model_copy(update=told) if told else settings


def check_loras(settings: Settings, library: Library) -> None:
    """Refuses LoRAs that are not there."""
    for use in settings.lora_uses:
        _found("LoRA", use.name, library.loras)


def check_loras_fit(settings: Settings, library: Library) -> None:
    """Refuses LoRAs that were made for another kind of model, as far as headers tell.

    Args:
        settings: Of one run, with its model named.
        library: What there is.

    Raises:
        ModelProblem: Says for what the LoRA was made.
    """
    for use in settings.lora_uses:
        misfit = _found("LoRA", use.name, library.loras).misfits.get(settings.model)
        if misfit is not None:
            raise ModelProblem(
                f"The LoRA '{use.name}' cannot be used with '{settings.model}'. {misfit}"
            )


def check_vae(settings: Settings, library: Library) -> None:
    """Refuses a separate autoencoder that is not there."""
    if settings.vae:
        _found("autoencoder", settings.vae, library.vaes)


def check_adapter(settings: Settings, library: Library) -> None:
    """Refuses an IP-Adapter that is not there, or was made for another kind of model.

    Args:
        settings: Of one run, with its model named.
        library: What there is.

    Raises:
        BadInput: It does not fit.
        ModelProblem: It cannot be used.
        UnknownName: There is none of that name.
    """
    if not isinstance(settings, ReferenceFields):
        return
    if not settings.refers or not settings.reference_adapter:
        return
    name = settings.reference_adapter
    found = _found("IP-Adapter", name, library.ipadapters, "reference_adapter")
    if settings.model not in found.fits:
        raise BadInput(
            f"The IP-Adapter '{name}' was made for another kind of model than "
            f"'{settings.model}'; choose one that fits it.",
            "reference_adapter",
        )


def with_controlnet(settings: Settings, library: Library) -> Settings:
    """Style transfer, or a clip, with the ControlNet that it runs with named; else as it is.

    Raises:
        BadInput: None fits, or the one that was named does not.
    """
    if isinstance(settings, ClipSettings):
        if not settings.control:
            return settings
        found = _controlnet(settings, settings.controlnet, library)
        return settings.model_copy(update={"controlnet": found.name})
    if not isinstance(settings, StyleTransferSettings):
        return settings
    for use in settings.controls:
        _controlnet(settings, use.name, library)
    if settings.controls:
        return settings
    found = _controlnet(settings, settings.controlnet, library)
    return settings.model_copy(update={"controlnet": found.name})


def _called(use: LoraUse, library: Library) -> LoraUse:
    return use.model_copy(update={"name": library.called("lora", use.name)})


def _controlnet(
    settings: StyleTransferSettings | ClipSettings, name: str | None, library: Library
) -> ControlNetEntry:
    """The ControlNet of that name, or the one that fits model and detector."""
    if name is not None:
        found = _found("ControlNet", name, library.controlnets)
        if (misfit := found.misfits.get(settings.model)) is not None:
            raise BadInput(
                f"The ControlNet '{name}' does not fit '{settings.model}'. {misfit}", "controlnet"
            )
        if settings.model not in found.fits:
            raise BadInput(
                f"The ControlNet '{name}' was made for another kind of model than "
                f"'{settings.model}'; choose one that fits it.",
                "controlnet",
            )
        return found
    for net in library.controlnets:
        trained = settings.detector == "identity" or settings.detector in net.detectors
        if net.problem is None and settings.model in net.fits and trained:
            return net
    raise BadInput(
        f"There is no ControlNet for '{settings.detector}' that fits '{settings.model}'; put one "
        f"into models/controlnet, with '{settings.detector}' in its name.",
        "controlnet",
    )


def _found(what: str, name: str, known: tuple[NamedT, ...], at_fault: str | None = None) -> NamedT:
    found = next((entry for entry in known if entry.name == name), None)
    if found is None:
        raise unknown(what, name, (entry.name for entry in known), at_fault)
    if found.problem is not None:
        raise ModelProblem(f"The {what} '{name}' cannot be used. {found.problem}")
    return found

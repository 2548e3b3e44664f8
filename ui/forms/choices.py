"""What the lists of a form offer: of the library, or of a model's own sizes."""

from __future__ import annotations

import math

from backend.contracts.library import Library, ModelEntry, UpscalerEntry
from backend.contracts.settings.hires import LATENT
from backend.contracts.settings.upscale import LANCZOS
from backend.control.registry import ENTRIES

UPSCALERS = ("upscaler", "hires_upscaler")
HIRES_WAYS = [("latent space", LATENT), ("Lanczos, in pixels", LANCZOS)]
SIZES = ((1, 1), (3, 2), (2, 3), (4, 3), (3, 4), (16, 9), (9, 16))


def card_of(library: Library, model: str) -> ModelEntry:
    """What is known of a model, "" being the default one.

    Without a name and with the usual values where it is unknown.
    """
    return library.model(model or library.default_model) or ModelEntry("")


def model_choice(card: ModelEntry) -> tuple[str, str]:
    """A checkpoint in the dropdown: title, family and size; and its name."""
    size = card.bytes
    told = f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"
    facts = [card.title or card.name, card.family_title, told]
    return " · ".join(filter(None, facts)), card.name


def size_choices(card: ModelEntry) -> list[tuple[str, str]]:
    """Sizes with about the native number of pixels, in steps of 64 px (less for small models)."""
    width, height = card.native_size
    wished = 64 if width >= 512 else 32 if width >= 128 else 1
    unit = -(-wished // card.sizes.step_px) * card.sizes.step_px
    pixels = width * height
    choices = [(f"{width} × {height}, native", "native")]
    for across, down in SIZES[1:]:
        w = max(unit, round((pixels * across / down) ** 0.5 / unit) * unit)
        h = max(unit, round((pixels * down / across) ** 0.5 / unit) * unit)
        choices.append((f"{w} × {h}  ({across}:{down})", f"{w}x{h}"))
    return choices


def ratios(card: ModelEntry) -> dict[str, str]:
    """The same by their ratio, as the control takes them; the native one by what it is."""
    width, height = card.native_size
    divisor = math.gcd(width, height)
    native = f"{width // divisor}:{height // divisor}"
    others = (size for _, size in size_choices(card)[1:])
    named = {f"{w}:{h}": size for (w, h), size in zip(SIZES[1:], others, strict=True)}
    return {native: "native"} | {name: size for name, size in named.items() if name != native}


def controlnet_choices(library: Library) -> list[tuple[str, str]]:
    """The one that fits, and those that can be used."""
    names = [net.name for net in library.controlnets if not net.problem]
    return [("the one that fits", ""), *((name, name) for name in names)]


def vae_choices(library: Library) -> list[tuple[str, str]]:
    """The checkpoint's own autoencoder, and the separate ones that can be used."""
    names = [vae.name for vae in library.vaes if not vae.problem]
    return [("the model's own", ""), *((name, name) for name in names)]


def adapter_choices(library: Library) -> list[tuple[str, str]]:
    """The model's own attention, and the IP-Adapters that can be used."""
    names = [one.name for one in library.ipadapters if not one.problem]
    return [("its own attention", ""), *((name, name) for name in names)]


def upscaler_choices(field: str, library: Library) -> list[tuple[str, str]]:
    """What needs no file, and the upscalers that can be used; diffusion models in their tab."""
    own = [("Lanczos", LANCZOS)] if field == "upscaler" else HIRES_WAYS
    there = [(_upscaler_title(one), one.name) for one in library.upscalers if not one.problem]
    if field == "upscaler":
        names = {name for _, name in there}
        there += [
            (_enlarger_title(one), one.name)
            for one in library.models
            if one.can.enlarges is not None and not one.problem and one.name not in names
        ]
    return [*own, *there]


def _enlarger_title(entry: ModelEntry) -> str:
    assert entry.can.enlarges is not None
    told = f"{entry.can.enlarges.factor}x diffusion"
    return " · ".join(filter(None, (entry.title or entry.name, entry.family_title, told)))


def _upscaler_title(entry: UpscalerEntry) -> str:
    scale = f"{entry.scale}x" if entry.scale else ""
    return " · ".join(filter(None, (entry.name, entry.architecture, scale)))


def detector_choices(library: Library) -> list[tuple[str, str]]:
    """Only what is installed: another detector's picture would mean nothing to the ControlNets."""
    known = {name for net in library.controlnets for name in net.detectors}
    return [
        (entry.title, entry.name)
        for entry in ENTRIES
        if entry.name in {"canny", "identity"} | known
    ]

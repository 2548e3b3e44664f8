"""What the pairs of a `parameters` line become: fields of ours, a second stage, the tool's name."""

from __future__ import annotations

import re
from typing import Any, get_args

from backend.contracts.errors import BadInput, short
from backend.contracts.fields import described
from backend.contracts.settings import MODES, Settings, Txt2ImgSettings, parse
from backend.recipes.a1111_names import sampler_and_schedule
from backend.recipes.a1111_resources import is_numbered
from backend.recipes.draft import Draft, number

TOOL = "A1111"
_FILE = r"\.(safetensors|pth|pt|onnx)$"
_KIND = r"\.(safetensors|ckpt|pt)$"  # of a file, which others write behind its name
Kind = type[int] | type[float] | type[str]


def _fields(settings: type[Settings]) -> dict[str, tuple[str, Kind]]:
    """Key of the text -> our field and how to read it."""
    return {
        key: (name, _kind(settings.model_fields[name].annotation))
        for name, told in described(settings).items()
        for key in told.a1111
    }


def _kind(annotation: Any) -> Kind:
    kinds = {annotation, *get_args(annotation)}
    return float if float in kinds else int if int in kinds else str


# Read elsewhere, or saying nothing about how the picture comes out here.
_HANDLED = {
    "Sampler",
    "Schedule type",
    "Size",
    "Model hash",
    "VAE hash",
    "Lora hashes",
    "TI hashes",
    "Hashes",
    "Civitai resources",
    "Civitai metadata",
    "Created Date",
    "Version",
    "App",
    "Backend",
    "Parser",
    "Pipeline",
    "Operations",
    "Batch size",
    "Batch pos",
}
# As it is here anyway.
_OURS_TOO = {("RNG", "CPU"), ("RNG", "cpu"), ("Sampler", "Default")}
_HIRES = {
    "Hires upscale",
    "Hires resize",
    "Hires steps",
    "Hires upscaler",
    "Hires Module 1",
    "Denoising strength",
}


def take_fields(pairs: dict[str, str], draft: Draft) -> None:
    """Puts what the pairs say into the draft; leaves what has no counterpart."""
    hires = _take_hires(pairs, draft)
    settings = MODES[Txt2ImgSettings.mode]
    fields = _fields(settings)
    for key, text in pairs.items():
        if hires and key in _HIRES:
            continue
        if key in fields:
            field, kind = fields[key]
            label = f"'{key}: {short(text)}'"
            if kind is int or kind is float:
                draft.number(field, kind, text, key)
            else:
                words = described(settings)[field].a1111_words.items()
                ours = {theirs: own for own, theirs in words}
                draft.put(field, ours.get(text, text), label)
        elif (key, text) in _OURS_TOO:
            continue
        elif key not in _HANDLED and not is_numbered(key):
            draft.leave(key, text)
    if "vae" in draft.values:  # others write the file's name
        vae = re.sub(_KIND, "", draft.values["vae"])
        draft.values["vae"] = "" if vae.lower() in ("automatic", "none", "baked in") else vae
    if "model" in draft.values:
        draft.values["model"] = re.sub(_KIND, "", draft.values["model"])
    if "Size" in pairs:
        size = _size_of(pairs["Size"])
        label = f"'Size: {short(pairs['Size'])}'"
        if size is None:
            draft.notes.append(f"{label} is not a size.")
        else:
            draft.put("width", size[0], label)
            draft.put("height", size[1], label)
    if "Sampler" in pairs and pairs["Sampler"] != "Default":  # SD.Next's: as the model has it
        pair, note = sampler_and_schedule(pairs["Sampler"][:80], pairs.get("Schedule type"))
        for field, value in pair.items():
            draft.put(field, value, f"'Sampler: {short(pairs['Sampler'])}'")
        if note:
            draft.notes.append(note)


def _take_hires(pairs: dict[str, str], draft: Draft) -> bool:
    """Takes the second stage in where the text has one; whether it has."""
    scale = _hires_scale(pairs)
    if scale is None:
        return False
    values: dict[str, Any] = {"hires_scale": scale}
    for key, field, kind in (
        ("Denoising strength", "hires_denoise", float),
        ("Hires steps", "hires_steps", int),
    ):
        if key in pairs and (value := number(kind, pairs[key])) is not None:
            values[field] = value
    wanted = pairs.get("Hires upscaler", "Latent")
    if wanted.startswith("Latent"):
        values["hires_upscaler"] = "latent"
    else:
        # Whether an upscaler of that name is here is for the caller to see, as of a model.
        values["hires_upscaler"] = "lanczos" if wanted == "Lanczos" else re.sub(_FILE, "", wanted)
    # Steps that have been read already decide whether the second stage runs any.
    steps = number(int, pairs.get("Steps", ""))
    known = {} if steps is None else {"steps": steps}
    try:
        parse("txt2img", known | values)
    except BadInput as error:
        draft.notes.append(f"The second stage (hires fix) cannot be used here: {short(str(error))}")
    else:
        for field, value in values.items():
            draft.put(field, value, "The second stage (hires fix)")
    if pairs.get("Hires resize") and "Hires upscale" not in pairs:
        _say_resize(pairs, scale, draft)
    return True


def _hires_scale(pairs: dict[str, str]) -> float | None:
    """By how much the second stage enlarges; of a size that is given, by its longer way."""
    scale = number(float, pairs.get("Hires upscale", ""))
    size, wanted = _size_of(pairs.get("Size", "")), _size_of(pairs.get("Hires resize", ""))
    if scale is not None or size is None or wanted is None or 0 in size:
        return scale
    factors = [there / here for here, there in zip(size, wanted, strict=True) if there]
    return round(max(factors), 4) if factors else None


def _say_resize(pairs: dict[str, str], scale: float, draft: Draft) -> None:
    size, wanted = _size_of(pairs["Size"]), _size_of(pairs["Hires resize"])
    assert size is not None
    assert wanted is not None
    made = round(size[0] * scale), round(size[1] * scale)
    if all(there in (0, here) for here, there in zip(made, wanted, strict=True)):
        return
    draft.notes.append(
        f"Its second stage was cut to {wanted[0]}x{wanted[1]}; here it keeps the sides' ratio and "
        f"makes {made[0]}x{made[1]}."
    )


def _size_of(text: str) -> tuple[int, int] | None:
    size = re.fullmatch(r"\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*", text)
    return None if size is None else (int(size[1]), int(size[2]))


def tool_of(pairs: dict[str, str]) -> str:
    """Who wrote the text, as far as it says."""
    version = pairs.get("Version", "")
    if pairs.get("App"):
        return short(pairs["App"])[:40]
    if "Civitai resources" in pairs:
        return "Civitai"
    for name in ("Fooocus", "ComfyUI"):
        if version.startswith(name):
            return name
    return "Forge" if re.match(r"(f\d|neo|classic)", version) else TOOL

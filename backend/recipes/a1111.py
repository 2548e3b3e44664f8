"""The `parameters` text that the field's tools write into pictures and read from them.

Prompt; a line `Negative prompt: ...`; a last line of comma-separated `Key: value`, where a value
with a comma, a colon or a newline is quoted as JSON. The last line counts as parameters only if it
holds at least three of them.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from backend.contracts.errors import BadInput
from backend.contracts.events import Record
from backend.contracts.settings import MAX_PROMPT_CHARS, LoraUse, parse
from backend.recipes.a1111_names import SAMPLERS, SCHEDULES, sampler_and_schedule

MAX_TEXT_CHARS = 256 * 1024
_MAX_LINE_CHARS = 20_000
_MAX_NOTES = 30
_NEGATIVE = "Negative prompt:"
_LORA = re.compile(r" ?<lora:([^:<>]{1,200})((?::[^:<>]{0,200}){0,8})>")
_KEY = re.compile(r"\w[^,:\"]{0,59}")

# Key of the text -> our field and how to read it.
_FIELDS: dict[str, tuple[str, type[int] | type[float] | type[str]]] = {
    "Steps": ("steps", int),
    "CFG scale": ("guidance_scale", float),
    "Seed": ("seed", int),
    "Model": ("model", str),
    "Clip skip": ("clip_skip", int),
    "VAE": ("vae", str),
    "Variation seed": ("variation_seed", int),
    "Variation seed strength": ("variation_strength", float),
    "Eta": ("eta", float),
    "Eta DDIM": ("eta", float),
}
UPSCALERS = {"latent": "Latent", "lanczos": "Lanczos"}

# Read elsewhere, or saying nothing about how the picture comes out here.
_HANDLED = {
    "Sampler",
    "Schedule type",
    "Size",
    "Model hash",
    "VAE hash",
    "Lora hashes",
    "TI hashes",
    "Version",
    "Batch size",
    "Batch pos",
    "RNG",
}
_HIRES = {"Hires upscale", "Hires steps", "Hires upscaler", "Denoising strength"}


class Parsed(NamedTuple):
    """What a `parameters` text says.

    Attributes:
        settings: Fields of `Txt2ImgSettings`, each valid by itself and all together; absent where
            the text says nothing usable.
        notes: One sentence for each thing that could not be mapped.
        model: {"name", "hash"} as far as given.
    """

    settings: dict[str, Any]
    notes: tuple[str, ...]
    model: dict[str, str]


def parameters_text(record: Record) -> str:
    """Writes a record in that format; what the format has no word for is left out."""
    values = record.settings
    loras = [
        lora
        for lora in values.get("loras", ())
        if lora.get("on", True) and not set(lora["name"]) & set(":<>\n")
    ]
    tags = "".join(f" <lora:{lora['name']}:{_number(lora['weight'])}>" for lora in loras)
    lines = [_one_text(values.get("prompt", "")) + tags]
    if values.get("negative_prompt"):
        lines.append(f"{_NEGATIVE} {_one_text(values['negative_prompt'])}")
    pairs = {
        "Steps": values.get("steps"),
        "Sampler": SAMPLERS.get(values.get("sampler", "")),
        "Schedule type": SCHEDULES.get(values.get("schedule", "")),
        "CFG scale": values.get("guidance_scale"),
        "Seed": values.get("seed"),
        "Size": f"{values['width']}x{values['height']}"
        if values.get("width") and values.get("height")
        else None,
        "Model hash": record.model.get("hash") or None,
        "Model": record.model.get("name") or values.get("model"),
        "Eta": values.get("eta") or None,
        "Clip skip": values["clip_skip"] if values.get("clip_skip", 1) > 1 else None,
        "VAE hash": record.extra.get("vae_hash"),
        "VAE": values.get("vae") or None,
        "Lora hashes": _hashes(record, "lora_hashes"),
        "TI hashes": _hashes(record, "embeddings"),
        "RNG": "CPU",
        "Version": record.extra.get("version", "Latent Loom"),
    }
    if values.get("variation_strength"):
        pairs["Variation seed"] = values.get("variation_seed")
        pairs["Variation seed strength"] = values["variation_strength"]
    if values.get("hires_scale", 1) > 1:
        pairs["Denoising strength"] = values.get("hires_denoise")
        pairs["Hires upscale"] = values["hires_scale"]
        pairs["Hires steps"] = values.get("hires_steps") or None
        pairs["Hires upscaler"] = UPSCALERS.get(values.get("hires_upscaler", ""))
    lines.append(", ".join(f"{key}: {_quote(v)}" for key, v in pairs.items() if v is not None))
    return "\n".join(lines)


def parse_parameters(text: str) -> Parsed:
    """Reads that format, as written by this studio, A1111, Forge and their kin.

    Raises:
        BadInput: The text is too long to be one.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise BadInput("The settings text of this picture is too long to be read.")
    lines = text.replace("\0", "").strip().split("\n")
    pairs = _pairs(lines[-1])
    if len(pairs) >= 3:
        lines.pop()
    else:
        pairs = {}
    prompt, negative = _prompts(lines)
    notes: list[str] = []
    prompt, loras = _take_loras(prompt, notes)
    found: dict[str, Any] = {}
    _keep(found, notes, {"prompt": prompt}, "The prompt")
    _keep(found, notes, {"negative_prompt": negative}, "The negative prompt")
    if loras:
        _keep(found, notes, {"loras": loras}, "The LoRA list")
    _take_fields(pairs, found, notes)
    if len(notes) > _MAX_NOTES:
        notes[_MAX_NOTES:] = [f"{len(notes) - _MAX_NOTES} more entries have no counterpart here."]
    model = {"name": pairs.get("Model", ""), "hash": pairs.get("Model hash", "")}
    return Parsed(found, tuple(notes), {key: value for key, value in model.items() if value})


def _pairs(line: str) -> dict[str, str]:
    """`Key: value` pairs of a line, in one pass; of repeated keys the first."""
    found: dict[str, str] = {}
    decoder = json.JSONDecoder()
    at = 0
    while len(line) <= _MAX_LINE_CHARS and (colon := line.find(":", at)) >= 0:
        key = line[at:colon].rpartition(",")[2].strip()
        start = colon + 1
        while start < len(line) and line[start] == " ":
            start += 1
        value, end = None, start
        if line.startswith('"', start):
            try:
                value, end = decoder.raw_decode(line, start)
            except ValueError:  # a stray quote, not a quoted value
                end = start
        comma = line.find(",", end)
        stop = len(line) if comma < 0 else comma
        if value is None:
            value = line[start:stop].strip()
        if _KEY.fullmatch(key):
            found.setdefault(key, value)
        at = stop + 1
    return found


def _prompts(lines: list[str]) -> tuple[str, str]:
    prompt: list[str] = []
    negative: list[str] = []
    current = prompt
    for line in (line.strip() for line in lines):
        if line.startswith(_NEGATIVE):
            current = negative
            line = line[len(_NEGATIVE) :].strip()
        current.append(line)
    return "\n".join(prompt).strip(), "\n".join(negative).strip()


def loras_in(prompt: str) -> tuple[str, list[tuple[str, float]]]:
    """The prompt without its `<lora:name:weight>` tags, and what they name.

    Raises:
        BadInput: A tag cannot be read.
    """
    notes: list[str] = []
    rest, loras = _take_loras(prompt, notes)
    if notes:
        raise BadInput(notes[0], "prompt")
    return rest, [(lora["name"], lora["weight"]) for lora in loras]


def without_loras(prompt: str) -> str:
    """The prompt without its `<lora:name:weight>` tags, whatever they say."""
    return _LORA.sub("", prompt).strip()


def _take_loras(prompt: str, notes: list[str]) -> tuple[str, list[dict[str, Any]]]:
    loras: list[dict[str, Any]] = []
    for match in _LORA.finditer(prompt[:MAX_PROMPT_CHARS]):
        name, rest = match[1].strip(), match[2].split(":")[1:]
        try:
            weight = float(rest[0]) if rest and rest[0] else 1.0
            LoraUse(name=name, weight=weight)
        except ValueError:  # pydantic's error is one
            notes.append(f"The LoRA tag {_short(match[0].strip())} could not be read.")
            continue
        if len(rest) > 1:
            notes.append(f"Of {_short(match[0].strip())} only the name and the first weight count.")
        loras.append({"name": name, "weight": weight})
    return without_loras(prompt), loras


def _take_fields(pairs: dict[str, str], found: dict[str, Any], notes: list[str]) -> None:
    hires = _take_hires(pairs, found, notes)
    for key, text in pairs.items():
        if hires and key in _HIRES:
            continue
        if key in _FIELDS:
            field, kind = _FIELDS[key]
            value = _as(kind, text)
            if value is None:
                notes.append(f"'{key}: {_short(text)}' is not a number.")
            else:
                _keep(found, notes, {field: value}, f"'{key}: {_short(text)}'")
        elif key not in _HANDLED:
            notes.append(f"'{key}: {_short(text)}' has no counterpart here.")
    if "vae" in found:  # others write the file's name
        found["vae"] = re.sub(r"\.(safetensors|ckpt|pt)$", "", found["vae"])
    if "Size" in pairs:
        size = re.fullmatch(r"\s*(\d{1,5})\s*[x×]\s*(\d{1,5})\s*", pairs["Size"])
        label = f"'Size: {_short(pairs['Size'])}'"
        if size is None:
            notes.append(f"{label} is not a size.")
        else:
            _keep(found, notes, {"width": int(size[1]), "height": int(size[2])}, label)
    if "Sampler" in pairs:
        pair, note = sampler_and_schedule(pairs["Sampler"][:80], pairs.get("Schedule type"))
        found.update(pair)
        if note:
            notes.append(note)


def _take_hires(pairs: dict[str, str], found: dict[str, Any], notes: list[str]) -> bool:
    """Takes the second stage in where the text has one; whether it has."""
    scale = _as(float, pairs.get("Hires upscale", ""))
    if scale is None:
        return False
    values: dict[str, Any] = {"hires_scale": scale}
    for key, field, kind in (
        ("Denoising strength", "hires_denoise", float),
        ("Hires steps", "hires_steps", int),
    ):
        if key in pairs and (value := _as(kind, pairs[key])) is not None:
            values[field] = value
    wanted = pairs.get("Hires upscaler", "Latent")
    if wanted.startswith("Latent"):
        values["hires_upscaler"] = "latent"
    else:
        values["hires_upscaler"] = "lanczos"
        if wanted != "Lanczos":
            notes.append(f"The upscaler '{_short(wanted)}' is not here; Lanczos takes its place.")
    # Steps that have been read already decide whether the second stage runs any.
    steps = _as(int, pairs.get("Steps", ""))
    known = {} if steps is None else {"steps": steps}
    try:
        parse("txt2img", known | values)
    except BadInput as error:
        notes.append(f"The second stage (hires fix) cannot be used here: {_short(str(error))}")
    else:
        found.update(values)
    return True


def _keep(found: dict[str, Any], notes: list[str], values: dict[str, Any], label: str) -> None:
    try:
        parse("txt2img", values)
    except BadInput as error:
        notes.append(f"{label} cannot be used here: {_short(str(error))}")
    else:
        found.update(values)


def _as(kind: type[int] | type[float] | type[str], text: str) -> int | float | str | None:
    try:
        return kind(text)
    except ValueError:
        return None


def _hashes(record: Record, fact: str) -> str | None:
    hashes: dict[str, str] = record.extra.get(fact, {})
    return ", ".join(f"{name}: {value[:12]}" for name, value in hashes.items()) or None


def _quote(value: object) -> str:
    text = _number(value) if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if set(text) & set(',:\n"') else text


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _one_text(text: str) -> str:
    return text.replace("\0", "").replace("\r\n", "\n")


def _short(text: object) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= 120 else text[:119] + "…"

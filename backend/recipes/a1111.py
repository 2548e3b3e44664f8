"""The `parameters` text that the field's tools write into pictures and read from them.

Prompt; a line `Negative prompt: ...`; a line of comma-separated `Key: value`, where a value with a
comma, a colon or a newline is quoted as JSON, or is JSON itself. That line begins with `Steps:`,
wherever it stands, else it is the last one; it counts as parameters only if it holds at least three
of them. What stands behind it is kept, and is no prompt.
"""

from __future__ import annotations

import json
import re
from typing import Any

from backend.contracts.errors import BadInput, short
from backend.contracts.events import Record
from backend.contracts.fields import described
from backend.contracts.settings import (
    MAX_PROMPT_CHARS,
    MODES,
    Img2ImgSettings,
    Settings,
    Txt2ImgSettings,
)
from backend.recipes.a1111_fields import TOOL, take_fields, tool_of
from backend.recipes.a1111_names import SAMPLERS, SCHEDULES
from backend.recipes.a1111_resources import hashes_of, take_numbered, take_resources
from backend.recipes.draft import Draft, LoraRow, Parsed
from backend.resolve.lora_tags import loras_in

MAX_TEXT_CHARS = 1024 * 1024
_STEPS = "Steps:"
_MAX_BROKEN = 8  # values that look like JSON and are none; looking for their end takes time
_NEGATIVE = "Negative prompt:"
_OTHER_NETWORK = re.compile(r" ?<(?:hypernet|loha|lokr):[^<>]{1,400}>", re.IGNORECASE)
_KEY = re.compile(r"\w[^,:\"]{0,59}")

# Written by rules of their own.
_RULED = {"steps", "guidance_scale", "seed", "model", "variation_seed", "variation_strength"}
UPSCALERS = {"latent": "Latent", "lanczos": "Lanczos"}


def parameters_text(record: Record) -> str:
    """Writes a record in that format; what the format has no word for is left out."""
    values = record.settings
    loras = [
        lora
        for lora in values.get("loras", ())
        if lora.get("on", True) and not set(lora["name"]) & set(":<>\n")
    ]
    tags = "".join(
        f" <lora:{lora['name']}:{_number(lora['weight'])}{_blocks(lora)}>" for lora in loras
    )
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
        **_changed(values, MODES.get(record.mode, Txt2ImgSettings)),
        "VAE hash": record.extra.get("vae_hash"),
        "Lora hashes": _hashes(record, "lora_hashes"),
        "TI hashes": _hashes(record, "embeddings"),
        "RNG": "CPU",
        "Version": record.extra.get("version", "Latent Loom"),
    }
    if values.get("variation_strength"):
        pairs["Variation seed"] = values.get("variation_seed")
        pairs["Variation seed strength"] = values["variation_strength"]
    if record.mode == Img2ImgSettings.mode:
        pairs["Denoising strength"] = values.get("strength")
    if values.get("hires_scale", 1) > 1:
        pairs["Denoising strength"] = values.get("hires_denoise")
        pairs["Hires upscale"] = values["hires_scale"]
        pairs["Hires steps"] = values.get("hires_steps") or None
        way = values.get("hires_upscaler", "")
        pairs["Hires upscaler"] = UPSCALERS.get(way, way) or None
    lines.append(", ".join(f"{key}: {_quote(v)}" for key, v in pairs.items() if v is not None))
    return "\n".join(lines)


def _blocks(lora: dict[str, Any]) -> str:
    """Their factors as sd-webui-lora-block-weight reads them."""
    return f":lbw={lora['blocks']}" if lora.get("blocks") else ""


def _changed(values: dict[str, Any], settings: type[Settings]) -> dict[str, Any]:
    """Fields that this format has a key for, where they are not as they usually are."""
    return {
        told.a1111[0]: told.a1111_words.get(str(values[name]), values[name])
        for name, told in described(settings).items()
        if told.a1111
        and name not in _RULED
        and values.get(name) not in (None, settings.model_fields[name].get_default())
    }


def parse_parameters(text: str) -> Parsed:
    """Reads that format, as written by this studio, A1111, Forge and their kin.

    Raises:
        BadInput: The text is too long to be one.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise BadInput("The settings text of this picture is too long to be read.")
    text = text.replace("\0", "").replace("\r\n", "\n").strip()
    start, pairs, end = _parameters(text)
    prompt, negative = _prompts(text[:start].split("\n"))
    draft = Draft(TOOL, model={"name": pairs.get("Model", ""), "hash": pairs.get("Model hash", "")})
    tagged = loras_in(prompt)
    draft.notes += tagged.notes
    others = [tag.strip() for tag in _OTHER_NETWORK.findall(tagged.prompt[:MAX_PROMPT_CHARS])]
    for other in others:
        draft.notes.append(f"{short(other)} is no LoRA and cannot act here; it was taken out.")
    if others:
        draft.unread["further networks"] = " ".join(others)[:4000]
    bare = _OTHER_NETWORK.sub("", tagged.prompt).strip() if others else tagged.prompt
    draft.put("prompt", bare, "The prompt")
    draft.put("negative_prompt", negative, "The negative prompt")
    draft.put_loras([LoraRow(use.name, use.weight, use.blocks) for use in tagged.loras])
    draft.tool = tool_of(pairs)
    take_fields(pairs, draft)
    draft.facts |= hashes_of(pairs)
    take_numbered(pairs, draft)
    take_resources(pairs, draft)
    if behind := text[end:].strip():
        draft.notes.append(f"Behind the settings it says: ‘{short(behind)}’.")
        draft.unread["behind the settings"] = behind[:4000]
    return draft.settled()


def _parameters(text: str) -> tuple[int, dict[str, str], int]:
    """Where the parameters begin, their pairs, and where they end; the end if there are none."""
    starts = [0] if text.startswith(_STEPS) else []
    at = text.find("\n" + _STEPS)
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n" + _STEPS, at + 1)
    # The last of them: a prompt may quote a record. Few are tried, since each is read to its end.
    for start in [*reversed(starts[-4:]), text.rfind("\n") + 1]:
        pairs, end = _pairs(text, start)
        if len(pairs) >= 3:
            return start, pairs, end
    return len(text), {}, len(text)


def _pairs(text: str, at: int) -> tuple[dict[str, str], int]:
    """`Key: value` pairs from a place on, in one pass, and where they end.

    They end with their line; a quoted value may hold further lines. Of repeated keys the first.
    """
    found: dict[str, str] = {}
    decoder = json.JSONDecoder(strict=False)
    broken = 0
    line_end = _line_end(text, at)
    while (colon := text.find(":", at, line_end)) >= 0:
        key = text[at:colon].rpartition(",")[2].strip()
        start = colon + 1
        while start < line_end and text[start] == " ":
            start += 1
        value, end = None, start
        if text.startswith(('"', "[", "{"), start) and broken < _MAX_BROKEN:
            try:
                value, end = decoder.raw_decode(text, start)
            except (ValueError, RecursionError):  # a stray quote or bracket, not such a value
                broken += 1
            else:
                value = value if isinstance(value, str) else text[start:end]
                line_end = _line_end(text, end) if end > line_end else line_end
        comma = text.find(",", end, line_end)
        stop = line_end if comma < 0 else comma
        if value is None:
            value = text[start:stop].strip()
        if _KEY.fullmatch(key):
            found.setdefault(key, value)
        at = stop + 1
        if comma < 0:
            break
    return found, line_end


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


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

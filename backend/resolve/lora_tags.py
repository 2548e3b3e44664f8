"""`<lora:name:weight>` (or `<lyco:...>`) in a prompt, as other tools write it.

`:lbw=...` gives factors for blocks, as sd-webui-lora-block-weight reads them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from backend.contracts.errors import short
from backend.contracts.settings import MAX_PROMPT_CHARS, LoraUse

_LORA = re.compile(r" ?<(?:lora|lyco):([^:<>]{1,200})((?::[^:<>]{0,200}){0,8})>", re.IGNORECASE)


class Tagged(NamedTuple):
    """A prompt, its tags taken apart.

    Attributes:
        prompt: Without them.
        loras: What they name, in their order; a name may come twice.
        notes: One sentence for each that could not be read, or not wholly.
    """

    prompt: str
    loras: tuple[LoraUse, ...]
    notes: tuple[str, ...]


def has_loras(prompt: str) -> bool:
    """Whether a prompt holds such a tag."""
    return _LORA.search(prompt) is not None


def without_loras(prompt: str) -> str:
    """The prompt without such tags, whatever they say."""
    return _LORA.sub("", prompt).strip()


def loras_in(prompt: str) -> Tagged:
    """The prompt and its tags apart."""
    loras: list[LoraUse] = []
    notes: list[str] = []
    for match in _LORA.finditer(prompt[:MAX_PROMPT_CHARS]):
        name, rest = match[1].strip(), match[2].split(":")[1:]
        plain = [part for part in rest if "=" not in part]
        named = dict(part.split("=", 1) for part in rest if "=" in part)
        # A1111's one weight is for text encoder and UNet alike; `unet=` is the UNet's alone.
        wanted = named.get("unet") or (plain[0] if plain and plain[0] else "1")
        blocks = named.pop("lbw", "")
        try:
            use = LoraUse(name=name, weight=float(wanted), blocks=blocks)
        except ValueError:  # pydantic's error is one
            notes.append(f"The LoRA tag {short(match[0].strip())} could not be read.")
            continue
        two = len(plain) == 2 and plain[0] == plain[1] and not named  # one weight, said twice
        if (len(plain) > 1 or named) and not (blocks and two):
            what = "the name, one weight and the blocks" if blocks else "the name and one weight"
            notes.append(f"Of {short(match[0].strip())} only {what} count.")
        loras.append(use)
    return Tagged(without_loras(prompt), tuple(loras), tuple(notes))

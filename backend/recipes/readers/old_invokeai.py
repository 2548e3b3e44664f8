"""InvokeAI before 3: an object under `sd-metadata` (2.x), or a command under `Dream` (1.x)."""

from __future__ import annotations

import re
import shlex
from typing import Any

from backend.recipes.a1111_names import sampler_and_schedule
from backend.recipes.draft import Draft
from backend.recipes.readers.common import Texts, json_object, object_of, objects_in, stem, text_of

TOOL = "InvokeAI"
MAX_COMMAND_CHARS = 20_000
_NEGATIVE = re.compile(r"\[([^\[\]]*)\]")
# Option of the command -> field and kind.
_OPTIONS: dict[str, tuple[str, type[int] | type[float]]] = {
    "-s": ("steps", int),
    "-S": ("seed", int),
    "-W": ("width", int),
    "-H": ("height", int),
    "-C": ("guidance_scale", float),
}
_IMAGE: dict[str, tuple[str, type[int] | type[float]]] = {
    "steps": ("steps", int),
    "seed": ("seed", int),
    "width": ("width", int),
    "height": ("height", int),
    "cfg_scale": ("guidance_scale", float),
}
_HANDLED = {*_IMAGE, "prompt", "sampler", "type", "postprocessing", "variations"}


def read(texts: Texts) -> Draft | None:
    """The newer of the two, where both are."""
    record = json_object(texts.get("sd-metadata"))
    if record is not None:
        return _of_object(record)
    command = texts.get("Dream")
    return _of_command(command) if command and len(command) <= MAX_COMMAND_CHARS else None


def _of_object(record: dict[str, Any]) -> Draft:
    draft = Draft(TOOL)
    image = object_of(record.get("image")) or {}
    prompts = image.get("prompt")
    rows = objects_in(prompts) if isinstance(prompts, list) else [{"prompt": prompts}]
    said = [text_of(row.get("prompt")) for row in rows]
    _take_prompt(draft, ", ".join(filter(None, said)))
    for key, (field, kind) in _IMAGE.items():
        draft.number(field, kind, image.get(key), key)
    _take_sampler(draft, text_of(image.get("sampler")))
    if name := text_of(record.get("model_weights")):
        draft.put("model", stem(name), f"'model_weights: {name[:80]}'")
        draft.model = {"name": stem(name), "hash": str(record.get("model_hash") or "")[:64]}
    for key, value in list(image.items())[:200]:
        if key not in _HANDLED:
            draft.leave(key, value)
    return draft


def _of_command(command: str) -> Draft:
    draft = Draft(TOOL)
    try:
        words = shlex.split(command)
    except ValueError:  # a quote that is never closed
        words = command.replace('"', "").split()
    prompt: list[str] = []
    waiting = ""
    for word in words:
        if waiting:
            if waiting == "-A":
                _take_sampler(draft, word)
            elif waiting in _OPTIONS:
                field, kind = _OPTIONS[waiting]
                draft.number(field, kind, word, waiting)
            else:
                draft.leave(waiting, word)
            waiting = ""
        elif re.fullmatch(r"-[A-Za-z]|--\w+", word):
            waiting = word
        else:
            found = re.fullmatch(r"(-[sSWHCA])([\w.]+)", word)  # `-s50`
            if found is None:
                prompt.append(word)
            elif found[1] == "-A":
                _take_sampler(draft, found[2])
            else:
                field, kind = _OPTIONS[found[1]]
                draft.number(field, kind, found[2], found[1])
    _take_prompt(draft, " ".join(prompt))
    return draft


def _take_prompt(draft: Draft, text: str) -> None:
    """What stands in square brackets was steered away from."""
    negative = ", ".join(part.strip() for part in _NEGATIVE.findall(text) if part.strip())
    draft.put("prompt", " ".join(_NEGATIVE.sub("", text).split(" ")).strip(), "The prompt")
    draft.put("negative_prompt", negative or None, "The negative prompt")


def _take_sampler(draft: Draft, sampler: str | None) -> None:
    if not sampler:
        return
    pair, note = sampler_and_schedule(sampler[:80].removeprefix("k_"), None)
    for field, value in pair.items():
        draft.put(field, value, f"'sampler: {sampler[:80]}'")
    draft.notes += [note] if note else []

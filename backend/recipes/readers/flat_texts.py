"""Records of a few plain texts: kohya's scripts, a chunk for each field, and Midjourney's line."""

from __future__ import annotations

import re

from backend.recipes.draft import Draft
from backend.recipes.readers.common import KOHYA_KEYS, Texts, json_object
from backend.recipes.readers.plain_json import put_sampler

_KOHYA_MARKS = {"prompt", "seed", "steps", "scale"}
_KOHYA = {"seed": ("seed", int), "steps": ("steps", int), "scale": ("guidance_scale", float)}
MAX_LINE_CHARS = 20_000
_JOB = re.compile(r"Job ID: ([0-9a-f-]{36})\s*$")
_OPTION = re.compile(r"\s--([a-z]{1,20})(?:\s+((?:(?!\s--)[^\n]){0,400}))?")


def kohya(texts: Texts) -> Draft | None:
    """The pictures that kohya's scripts for drawing write."""
    if not set(texts) >= _KOHYA_MARKS or json_object(texts["prompt"]) is not None:
        return None
    draft = Draft("kohya's scripts")
    draft.put("prompt", texts["prompt"], "The prompt")
    draft.put("negative_prompt", texts.get("negative-prompt"), "The negative prompt")
    for key, (field, kind) in _KOHYA.items():
        draft.number(field, kind, texts.get(key), key)
    put_sampler(draft, texts.get("sampler"), None)
    for key in KOHYA_KEYS:
        if key not in (*_KOHYA, "negative-prompt", "sampler"):
            draft.leave(key, texts.get(key))
    return draft


def midjourney(texts: Texts) -> Draft | None:
    """A line that ends with the job's number; options stand in it as on a command line."""
    line = texts.get("Description", "")[:MAX_LINE_CHARS]
    job = _JOB.search(line)
    if job is None:
        return None
    draft = Draft("Midjourney")
    told = line[: job.start()]
    options = _OPTION.findall(told)
    draft.put("prompt", _OPTION.sub("", told).strip(), "The prompt")
    for name, value in options:
        value = value.strip()
        if name == "no":
            draft.put("negative_prompt", value, "'--no'")
        else:
            draft.leave(name, value or "on")
    draft.leave("Job ID", job[1])
    return draft

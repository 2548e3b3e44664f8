"""What sets two recipes apart, in words: "guidance 4 → 7", "prompt: ‘red’ → ‘blue’"."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from backend.contracts.fields import choice_title, title_of
from backend.contracts.settings import MODES, Settings
from backend.recipes.a1111_names import SAMPLERS
from ui.server.foreign import as_dict

MAX_CHARS = 160
MAX_WORDS = 600
MAX_PARTS = 4  # beyond that, both prompts whole are easier to read


def differences(mode_a: str, a: Mapping[str, Any], mode_b: str, b: Mapping[str, Any]) -> list[str]:
    """One entry for each setting that differs; whether the seed does is always said.

    Args:
        mode_a: Of the first recipe.
        a: Its settings, as JSON values.
        mode_b: Of the second.
        b: Its settings.
    """
    settings = MODES.get(mode_a, Settings)
    told = [] if mode_a == mode_b else [f"tab {_words(mode_a)} → {_words(mode_b)}"]
    for name in dict.fromkeys([*a, *b]):
        if name == "loras":
            told += _loras(a.get(name) or (), b.get(name) or ())
        elif name not in a or name not in b:
            continue  # what only one of the modes has
        elif name == "variation_seed" and not (
            a.get("variation_strength") or b.get("variation_strength")
        ):
            continue  # drawn, and of no effect
        elif a[name] == b[name]:
            told += ["seed the same"] if name == "seed" else []
        elif "prompt" in name and isinstance(a[name], str) and isinstance(b[name], str):
            told.append(f"{_name(settings, name)}: {text_difference(a[name], b[name])}")
        else:
            one, other = (_value(recipe[name], settings, name) for recipe in (a, b))
            told.append(f"{_name(settings, name)} {one} → {other}")
    return told


def text_difference(a: str, b: str) -> str:
    """Which words were replaced, added or left out; both texts where that would be most of them."""
    first, second = a.split()[:MAX_WORDS], b.split()[:MAX_WORDS]
    match = SequenceMatcher(None, first, second, autojunk=False)
    changes = [code for code in match.get_opcodes() if code[0] != "equal"]
    if not first or not second or not changes or len(changes) > MAX_PARTS or match.ratio() < 0.4:
        return f"{_quoted(a)} → {_quoted(b)}"
    parts: list[str] = []
    for kind, i, j, k, end in changes:
        gone, new = _quoted(" ".join(first[i:j])), _quoted(" ".join(second[k:end]))
        parts.append(
            {"replace": f"{gone} → {new}", "delete": f"without {gone}", "insert": f"with {new}"}[
                kind
            ]
        )
    return ", ".join(parts)


def _loras(a: Sequence[Any], b: Sequence[Any]) -> list[str]:
    first, second = _by_name(a), _by_name(b)
    told: list[str] = []
    for name in dict.fromkeys([*first, *second]):
        if name not in second:
            told.append(f"without LoRA {name}")
        elif name not in first:
            told.append(f"with LoRA {name} at {_value(second[name].get('weight', 1.0))}")
        else:
            one, other = first[name], second[name]
            told += [
                f"LoRA {name} {'' if key in ('weight', 'on') else f'{key} '}"
                f"{_value(one.get(key, usual))} → {_value(other.get(key, usual))}"
                for key, usual in (("weight", 1.0), ("start", 0.0), ("end", 1.0), ("on", True))
                if one.get(key, usual) != other.get(key, usual)
            ]
    return told


def _by_name(rows: Sequence[Any]) -> dict[str, dict[str, Any]]:
    return {str(row.get("name", "")): row for row in map(as_dict, rows) if row}


def _name(settings: type[Settings], field: str) -> str:
    shown = title_of(settings, field)
    return shown if shown[:2].isupper() else shown[:1].lower() + shown[1:]


def _words(mode: str) -> str:
    return mode.replace("_", " ")


def _value(value: Any, settings: type[Settings] = Settings, field: str = "") -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == "":
        return "the model's own"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        shown = SAMPLERS.get(value, value) if field == "sampler" else value
        return _cut(choice_title(settings, field, shown))
    return _cut(json.dumps(value, ensure_ascii=False)) if value else "none"


def _quoted(text: str) -> str:
    return f"‘{_cut(text)}’" if text.strip() else "nothing"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else text[: MAX_CHARS - 1] + "…"

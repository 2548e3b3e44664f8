"""Wildcards in prompts: `__name__` draws one of the lines of that name, `{a|b}` one of its parts.

As in dynamic prompts, `{2$$a|b|c}` draws two, `{1-2$$ and $$a|b}` one or two with "and" between
them, and `{3::a|b}` draws a three times as often.

The seed of the picture decides, so the same seed draws the same lines, and each picture of a batch
draws its own. What was drawn becomes the prompt, and the template stands beside it in the settings:
a record makes its picture again whatever has become of the files.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from backend.contracts.errors import BadInput, Fix
from backend.contracts.library import Wildcard
from backend.contracts.settings import MAX_PROMPT_CHARS, Settings, Template
from backend.contracts.settings.regions import Region, RegionFields

MAX_DEPTH = 8
MAX_DRAWS = 500
MAX_PICTURES = 100
MAX_NESTED = 20
# Blanks may stand in a name, as in files' names.
_WILDCARD = re.compile(r"__([^\s_](?:[^\n_]|_(?!_)){0,200}?)__")
_CHOICE = re.compile(r"(?<!\\)\{([^{}]*)\}")
_COUNT = re.compile(r"\s*(\d{1,2})(?:-(\d{1,2}))?\$\$(?:([^$|]{0,40})\$\$)?")
_OFTEN = re.compile(r"\s*(\d{1,4}(?:\.\d{1,4})?)::")
_KEPT = "\ue000", "\ue001"  # braces that hold no choice, while others are drawn

Wildcards = Mapping[str, Wildcard]


def has_wildcards(settings: Settings) -> bool:
    """Whether a prompt of these settings is still to be drawn."""
    return any(_is_template(text) for text in prompts_of(settings).values())


def apart(settings: Settings) -> Settings:
    """The settings as they run: with wildcards, several pictures are a run of one each.

    Raises:
        BadInput: There are too many pictures for that.
    """
    count = settings.batch_size * settings.batch_count
    if count == 1 or not has_wildcards(settings):
        return settings
    if count > MAX_PICTURES:
        raise BadInput(
            f"With wildcards each picture is a run of its own, {MAX_PICTURES} at most; "
            f"these are {count}.",
            "batch_count",
        )
    return settings.model_copy(update={"batch_size": 1, "batch_count": count})


def drawn(settings: Settings, wildcards: Wildcards) -> Settings:
    """The settings with their prompts drawn by their seed, and the templates beside them.

    Args:
        settings: Resolved, so that their seed is known.
        wildcards: By name in lower case.

    Raises:
        BadInput: A wildcard is unknown, with one of nearly that name as the fix, or never ends.
    """
    if not has_wildcards(settings):
        return settings
    changed: dict[str, str] = {}
    templates = {kept.field: kept.text for kept in settings.templates}
    for name, text in prompts_of(settings).items():
        if _is_template(text):
            try:
                changed[name] = _Draw(wildcards, f"{settings.seed}/{name}").text(text)
            except BadInput as error:
                raise (
                    _with_nearest(error, name, text, wildcards)
                    if name in type(settings).model_fields  # a region's is part of another field
                    else error
                ) from None
            templates[name] = text
    kept = tuple(Template(field=name, text=text) for name, text in templates.items())
    return with_prompts(settings, changed).model_copy(update={"templates": kept})


def _is_template(text: str) -> bool:
    if _WILDCARD.search(text):
        return True
    return any("|" in found[1] for found in _CHOICE.finditer(text))


def prompts_of(settings: Settings) -> dict[str, str]:
    """The prompts by field, and those of the regions that act, the first as "region 1"."""
    values = (
        (name, getattr(settings, name))
        for name in type(settings).model_fields
        if name.startswith(("prompt", "negative_prompt"))
    )
    said = {name: value for name, value in values if isinstance(value, str)}
    return said | {name: region.prompt for name, region in _regions(settings) if region.acts}


def with_prompts(settings: Settings, said: Mapping[str, str]) -> Settings:
    """The settings with other prompts, named as `prompts_of` does."""
    regions = dict(_regions(settings))
    changed: dict[str, Any] = {name: text for name, text in said.items() if name not in regions}
    if len(changed) < len(said):
        changed["regions"] = tuple(
            region.model_copy(update={"prompt": said[name]}) if name in said else region
            for name, region in regions.items()
        )
    return settings.model_copy(update=changed)


def _regions(settings: Settings) -> list[tuple[str, Region]]:
    regions = settings.regions if isinstance(settings, RegionFields) else ()
    return [(f"region {number}", region) for number, region in enumerate(regions, start=1)]


class _Draw:
    """One text's draws, in order from left to right."""

    def __init__(self, wildcards: Wildcards, seed: str) -> None:
        self._wildcards = wildcards
        self._lines: dict[str, tuple[str, ...]] = {}
        self._random = random.Random(seed)  # seeded by a text: the same on every machine
        self._draws = 0

    def text(self, template: str, depth: int = 0) -> str:
        chosen = self._chosen(template)
        made = _WILDCARD.sub(lambda match: self._line(match[1], depth), chosen)
        if len(made) > MAX_PROMPT_CHARS:
            raise BadInput("The wildcards make this prompt too long; use fewer of them.", "prompt")
        return made

    def _chosen(self, template: str) -> str:
        """The text with each `{a|b}` drawn, the inner ones first."""
        if "{" not in template:
            return template
        made = template
        for _ in range(MAX_NESTED):
            before, made = made, _CHOICE.sub(lambda match: self._choice(match[1]), made)
            if made == before:
                break
        return made.replace(_KEPT[0], "{").replace(_KEPT[1], "}")

    def _choice(self, inner: str) -> str:
        if "|" not in inner:
            return f"{_KEPT[0]}{inner}{_KEPT[1]}"
        self._draws += 1
        if self._draws > MAX_DRAWS:
            raise BadInput(f"The prompt draws more than {MAX_DRAWS} times.", "prompt")
        count = _COUNT.match(inner)
        parts = [_often(part) for part in _split(inner[count.end() :] if count else inner)]
        if count is None:
            return self._one_of(parts)
        least, most = int(count[1]), int(count[2] or count[1])
        wanted = least + int(self._random.random() * (max(most, least) - least + 1))
        drawn: list[str] = []
        while parts and len(drawn) < wanted:
            drawn.append(self._one_of(parts, take=True))
        return (", " if count[3] is None else count[3]).join(drawn)

    def _one_of(self, parts: list[tuple[str, float]], *, take: bool = False) -> str:
        at = self._random.random() * sum(often for _, often in parts)
        for number, (text, often) in enumerate(parts):
            at -= often
            if at < 0 or number == len(parts) - 1:
                if take:
                    del parts[number]
                return text
        return ""

    def _line(self, name: str, depth: int) -> str:
        self._draws += 1
        if depth >= MAX_DEPTH or self._draws > MAX_DRAWS:
            raise BadInput(
                f"The wildcard '__{name[:80]}__' never ends: its lines lead back to it, "
                f"or more than {MAX_DEPTH} files deep.",
                "prompt",
            )
        if name not in self._lines:
            self._lines[name] = lines_of(self._wildcards, name)
        lines = self._lines[name]
        # random() itself is promised never to change, choice() is not.
        return self.text(lines[int(self._random.random() * len(lines))], depth + 1)


def _split(inner: str) -> list[str]:
    """At each bar outside square brackets, which have bars of their own."""
    parts, depth = [""], 0
    for piece in re.split(r"([\[\]|])", inner):
        depth += {"[": 1, "]": -1}.get(piece, 0)
        if piece == "|" and depth <= 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _often(part: str) -> tuple[str, float]:
    """A part, and how often it is drawn beside the others."""
    found = _OFTEN.match(part)
    return (part, 1.0) if found is None else (part[found.end() :], float(found[1]))


def lines_of(wildcards: Wildcards, name: str) -> tuple[str, ...]:
    """What one name may become.

    Raises:
        BadInput: There is no such wildcard, or nothing in it; says which there are.
    """
    found = wildcards.get(name.casefold())
    if found is None:
        raise BadInput(f"There is no wildcard '__{name[:80]}__'; {_known(wildcards)}.", "prompt")
    if found.problem is not None:
        raise BadInput(found.problem, "prompt")
    return found.lines


def _with_nearest(error: BadInput, field: str, text: str, wildcards: Wildcards) -> BadInput:
    """The same refusal; where a name is nearly that of a wildcard, with that one as the fix."""
    for written in dict.fromkeys(_WILDCARD.findall(text)):
        near = get_close_matches(written.casefold(), sorted(wildcards), 1)
        if near and written.casefold() not in wildcards:
            meant = f"__{near[0]}__"
            fix = Fix(f"Use {meant}", {field: text.replace(f"__{written}__", meant)})
            return BadInput(str(error), field, fix)
    return error


def _known(wildcards: Wildcards) -> str:
    names = sorted(wildcards)
    if not names:
        return "put a text file of that name, a choice a line, into data/wildcards"
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"there are: {', '.join(names[:12])}{more}"

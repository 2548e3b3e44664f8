"""Wildcards: `__name__` in a prompt draws a line of wildcards/name.txt.

The seed of the picture decides, so the same seed draws the same lines, and each picture of a batch
draws its own. What was drawn becomes the prompt, and the template stands beside it in the settings:
a record makes its picture again whatever has become of the files.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

from backend.contracts.errors import BadInput
from backend.contracts.settings import MAX_PROMPT_CHARS, Settings, Template, XyzGridSettings

MAX_DEPTH = 8
MAX_DRAWS = 500
MAX_PICTURES = 100
MAX_FILE_BYTES = 1_000_000
MAX_FILES = 2000
MAX_FOLDERS_DEEP = 3
_WILDCARD = re.compile(r"__([^\s_]\S*?)__")
_NAME = re.compile(r"[\w-]+(?:/[\w-]+)*")


class Wildcards:
    """The files at hand; a name is looked up among them, never made into a path.

    Args:
        folders: Where they lie; a later one goes before an earlier one.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def names(self) -> tuple[str, ...]:
        """Names that may be drawn from, in order."""
        return tuple(sorted(self._files()))

    def lines(self, name: str) -> tuple[str, ...]:
        """What one name may become: the file's lines without comments (#) and empty ones.

        Raises:
            BadInput: There is no such file, or nothing in it; says which there are.
        """
        path = self._files().get(name.casefold()) if _NAME.fullmatch(name) else None
        if path is None:
            raise BadInput(f"There is no wildcard '__{name[:80]}__'; {self._known()}.", "prompt")
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise BadInput(
                    f"The wildcard file {path.name} is larger than 1 MB; split it.", "prompt"
                )
            text = path.read_text("utf-8-sig", errors="replace")
        except OSError:
            raise BadInput(f"The wildcard file {path.name} cannot be read.", "prompt") from None
        stripped = (line.strip() for line in text.splitlines())
        found = tuple(line for line in stripped if line and not line.startswith("#"))
        if not found:
            raise BadInput(f"The wildcard file {path.name} has no line to draw.", "prompt")
        return found

    def _known(self) -> str:
        names = self.names()
        if not names:
            return "put a text file of that name, a choice a line, into data/wildcards"
        more = f" and {len(names) - 12} more" if len(names) > 12 else ""
        return f"there are: {', '.join(names[:12])}{more}"

    def _files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in _text_files(folder, 0):
                name = path.relative_to(folder).with_suffix("").as_posix().casefold()
                if _NAME.fullmatch(name) and (name in found or len(found) < MAX_FILES):
                    found[name] = path
        return found


def _text_files(folder: Path, depth: int) -> Iterator[Path]:
    """Text files below a folder; links are not followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and depth < MAX_FOLDERS_DEEP:
            yield from _text_files(Path(entry.path), depth + 1)
        elif entry.name.lower().endswith(".txt") and entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def has_wildcards(settings: Settings) -> bool:
    """Whether a prompt of these settings is still to be drawn."""
    return any(_WILDCARD.search(text) for text in _prompts(settings).values())


def settled(settings: Settings, wildcards: Wildcards) -> Settings:
    """The settings as they run: a single picture's prompts drawn, several a run of one each.

    Args:
        settings: Resolved, so that their seed is known.
        wildcards: The files at hand.

    Raises:
        BadInput: A wildcard is unknown or never ends, or there are too many pictures.
    """
    if isinstance(settings, XyzGridSettings) or not has_wildcards(settings):
        return settings  # a grid draws for each of its cells
    count = settings.batch_size * settings.batch_count
    if count == 1:
        return drawn(settings, wildcards)
    if count > MAX_PICTURES:
        raise BadInput(
            f"With wildcards each picture is a run of its own, {MAX_PICTURES} at most; "
            f"these are {count}.",
            "batch_count",
        )
    apart = settings.model_copy(update={"batch_size": 1, "batch_count": count})
    for number in range(count):
        drawn(apart.batch(number), wildcards)  # what is wrong is said before anything runs
    return apart


def drawn(settings: Settings, wildcards: Wildcards) -> Settings:
    """The settings with their prompts drawn by their seed, and the templates beside them.

    Raises:
        BadInput: A wildcard is unknown, or never ends.
    """
    changed: dict[str, str] = {}
    templates = {kept.field: kept.text for kept in settings.templates}
    for name, text in _prompts(settings).items():
        if _WILDCARD.search(text):
            changed[name] = _Draw(wildcards, f"{settings.seed}/{name}").text(text)
            templates[name] = text
    kept = tuple(Template(field=name, text=text) for name, text in templates.items())
    return settings.model_copy(update=changed | {"templates": kept})


def _prompts(settings: Settings) -> dict[str, str]:
    """The prompts by field."""
    values = (
        (name, getattr(settings, name))
        for name in type(settings).model_fields
        if name.startswith(("prompt", "negative_prompt"))
    )
    return {name: value for name, value in values if isinstance(value, str)}


class _Draw:
    """One text's draws, in order from left to right."""

    def __init__(self, wildcards: Wildcards, seed: str) -> None:
        self._wildcards = wildcards
        self._lines: dict[str, tuple[str, ...]] = {}
        self._random = random.Random(seed)  # seeded by a text: the same on every machine
        self._draws = 0

    def text(self, template: str, depth: int = 0) -> str:
        made = _WILDCARD.sub(lambda match: self._line(match[1], depth), template)
        if len(made) > MAX_PROMPT_CHARS:
            raise BadInput("The wildcards make this prompt too long; use fewer of them.", "prompt")
        return made

    def _line(self, name: str, depth: int) -> str:
        self._draws += 1
        if depth >= MAX_DEPTH or self._draws > MAX_DRAWS:
            raise BadInput(
                f"The wildcard '__{name[:80]}__' never ends: its lines lead back to it, "
                f"or more than {MAX_DEPTH} files deep.",
                "prompt",
            )
        if name not in self._lines:
            self._lines[name] = self._wildcards.lines(name)
        lines = self._lines[name]
        # random() itself is promised never to change, choice() is not.
        return self.text(lines[int(self._random.random() * len(lines))], depth + 1)

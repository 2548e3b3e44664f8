"""Styles: words that are added to a prompt and a negative prompt, in A1111's `styles.csv`.

The header is name,prompt,negative_prompt; `{prompt}` in a style stands for what was there before.
A style that is used stands in the text of the prompt, so there is nothing to keep beside it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from backend.contracts.errors import BadInput
from backend.storage.atomic_files import storage_problem, write_replacing
from backend.storage.locks import locked

FILE = "styles.csv"
MAX_STYLES = 2_000
MAX_NAME_CHARS = 80
MAX_TEXT_CHARS = 20_000  # as a prompt's
MAX_FILE_BYTES = 1_000_000
MAX_NAMED = 5
_HEADER = ("name", "prompt", "negative_prompt")


@dataclass(frozen=True)
class Style:
    """One line of the file.

    Attributes:
        name: On its chip.
        prompt: What it adds; `{prompt}` is where the prompt goes, else it follows the prompt.
        negative_prompt: What it adds to the negative prompt, likewise.
    """

    name: str
    prompt: str
    negative_prompt: str = ""


@dataclass(frozen=True)
class Sheet:
    """What a file holds.

    Attributes:
        styles: Its good lines, in their order.
        left_out: Why others are not among them, a sentence each.
    """

    styles: tuple[Style, ...]
    left_out: tuple[str, ...] = ()

    @property
    def problem(self) -> str | None:
        """What was left out, in one text; None if nothing was."""
        if not self.left_out:
            return None
        more = len(self.left_out) - MAX_NAMED
        further = f" And {more} lines more." if more > 0 else ""
        return " ".join(self.left_out[:MAX_NAMED]) + further


class StyleFiles:
    """Bundled styles and a person's own; one of theirs goes before a bundled one of its name.

    Args:
        bundled: The studio's `styles.csv`.
        own: Theirs, which may not be there yet.
    """

    def __init__(self, bundled: Path, own: Path) -> None:
        self._bundled = bundled
        self._own = own

    def list(self) -> tuple[tuple[Style, ...], str | None]:
        """All styles, the person's own first, and what is wrong with their file, or None."""
        problem = None
        try:
            sheet = self._read(self._own)
            own, problem = sheet.styles, sheet.problem
        except BadInput as error:
            own, problem = (), str(error)
        names = {style.name.casefold() for style in own}
        bundled = self._read(self._bundled).styles
        rest = (style for style in bundled if style.name.casefold() not in names)
        return (*own, *rest), problem

    def take(self, content: bytes) -> Sheet:
        """Adds the styles of an A1111 file to the person's own, in the place of those of the same
        names, and returns what the file held.

        Raises:
            BadInput: It is no such file; nothing was changed.
            StorageProblem: It could not be kept.
        """
        brought = parse_styles(content)
        with locked(self._own):
            names = {style.name.casefold() for style in brought.styles}
            before = [s for s in self._read(self._own).styles if s.name.casefold() not in names]
            kept = (*before, *brought.styles)
            if len(kept) > MAX_STYLES:
                raise BadInput(f"That makes {len(kept)} styles; {MAX_STYLES} are kept at most.")
            try:
                write_replacing(self._own, written(kept))
            except OSError as error:
                raise storage_problem(error, "The styles", "the data folder") from error
        return brought

    def _read(self, path: Path) -> Sheet:
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise BadInput(f"The file {FILE} is larger than 1 MB.")
            content = path.read_bytes()
        except FileNotFoundError:
            return Sheet(())
        except OSError:
            raise BadInput(f"The file {FILE} cannot be read.") from None
        return parse_styles(content)


def parse_styles(content: bytes) -> Sheet:
    """Reads such a file; of a name that comes twice, the last; lines that add nothing are left out.

    A1111's first header, name,text, is understood too.

    Raises:
        BadInput: It is no such file: it is too large, or has no such header.
    """
    if len(content) > MAX_FILE_BYTES:
        raise BadInput(f"The file {FILE} is larger than 1 MB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")  # what spreadsheets write
    rows = csv.DictReader(io.StringIO(text.replace("\0", ""), newline=""))
    found: dict[str, Style] = {}
    left_out: list[str] = []
    try:
        names = [str(name).strip().lower() for name in rows.fieldnames or ()]
        if "prompt" not in names:
            names = ["prompt" if name == "text" else name for name in names]
        if not {"name", "prompt"} <= set(names):
            raise BadInput(f"This is no {FILE}: its first line is {','.join(_HEADER)}.")
        rows.fieldnames = names
        for row in rows:
            try:
                style = _style(row, rows.line_num)
            except BadInput as error:
                left_out.append(str(error))
                continue
            if style is not None:
                found.pop(style.name.casefold(), None)
                found[style.name.casefold()] = style
    except csv.Error as error:
        left_out.append(f"From line {rows.line_num} on {FILE} cannot be read: {error}.")
    styles = tuple(found.values())
    if len(styles) > MAX_STYLES:
        left_out.append(f"The file has {len(styles)} styles; the first {MAX_STYLES} are taken.")
    return Sheet(styles[:MAX_STYLES], tuple(left_out))


def _style(row: dict[str, str | None], line: int) -> Style | None:
    name, prompt, negative = (" ".join((row.get(key) or "").split()) for key in _HEADER)
    if not prompt and not negative:
        return None  # A1111 writes empty lines as dividers
    if not name or len(name) > MAX_NAME_CHARS:
        raise BadInput(f"Line {line} of {FILE} needs a name of 1 to {MAX_NAME_CHARS} letters.")
    if max(len(prompt), len(negative)) > MAX_TEXT_CHARS:
        raise BadInput(f"The style '{name}' is too long; {MAX_TEXT_CHARS} letters are kept.")
    return Style(name, prompt, negative)


def written(styles: Iterable[Style]) -> bytes:
    """The file of these styles, as A1111 writes it."""
    text = io.StringIO(newline="")
    out = csv.writer(text)
    out.writerow(_HEADER)
    out.writerows((style.name, style.prompt, style.negative_prompt) for style in styles)
    return text.getvalue().encode("utf-8-sig")

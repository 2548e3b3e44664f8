"""Presets: named settings, one JSON file each.

`{"schema": 1, "name": ..., "mode": ..., "settings": {...}}`, and, where the tab's pictures are kept
with them, `"pictures": {"image": base64 of a PNG or JPEG, ...}`. A file that cannot be used stays
where it is, is listed with its problem, and is never loaded; the others are not touched by it.
Listing decodes no picture, keeps none in memory, and reads a file again only when it has changed.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import hashlib
import json
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from backend.contracts.errors import BadInput, LoomError, UnknownName
from backend.contracts.settings import Settings
from backend.pictures.packing import suffix
from backend.resolve import documents
from backend.storage.atomic_files import storage_problem, write_new, write_replacing
from backend.storage.locks import locked

MAX_NAME_CHARS = 100
MAX_SETTINGS_BYTES = 256 * 1024  # a preset without its pictures
MAX_PRESET_BYTES = 8 * 2**20
MAX_PICTURES_BYTES = (MAX_PRESET_BYTES - MAX_SETTINGS_BYTES) // 4 * 3  # before base64
_MAX_STEM_BYTES = 180  # with suffix and temporary prefix under the 255 that file systems take
_RESERVED = {"con", "prn", "aux", "nul", *(p + n for p in ("com", "lpt") for n in "123456789¹²³")}
# Seen by nobody, besides the category Cf: joiners, selectors, fillers.
_UNSEEN = {*map(chr, range(0xFE00, 0xFE10)), *"\u034f\u115f\u1160\u3164\uffa0\u2800"}
_BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class PresetInfo:
    """One line of the list.

    Attributes:
        name: What people call it; of a broken file, the file's stem.
        mode: Its mode, "" where it cannot be read.
        bundled: It comes with the studio and cannot be deleted.
        problem: Why it cannot be loaded; None when it can.
        pictures: Names of the pictures that it brings.
    """

    name: str
    mode: str
    bundled: bool
    problem: str | None = None
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """Validated settings under a name.

    Attributes:
        name: What people call it.
        mode: Of the settings.
        settings: All of them.
        pictures: PNG or JPEG files by names of `settings.pictures`, not decoded: `packing.unpack`
            does that.
    """

    name: str
    mode: str
    settings: Settings
    pictures: Mapping[str, bytes] = field(default_factory=dict[str, bytes])

    def to_bytes(self) -> bytes:
        """The preset as a file."""
        document = documents.made_of(
            self.mode, self.settings.model_dump(mode="json"), name=self.name
        )
        if self.pictures:
            document["pictures"] = {
                name: base64.b64encode(file).decode() for name, file in self.pictures.items()
            }
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True)
class _Entry:
    info: PresetInfo
    path: Path
    preset: Preset | None


class PresetStore:
    """The bundled presets and a person's own. Safe from any thread and from several processes."""

    def __init__(self, bundled_dir: Path, user_dir: Path) -> None:
        self._bundled_dir = bundled_dir
        self._user_dir = user_dir
        self._seen: dict[Path, tuple[tuple[int, ...], _Entry]] = {}  # by what stat says of it
        self._lock = threading.Lock()

    def list(self) -> builtins.list[PresetInfo]:
        """Bundled ones first, each group by name; broken files with their problem."""
        return [entry.info for entry in self._entries()]

    def load(self, name: str) -> Preset:
        """One preset, with its pictures.

        Raises:
            UnknownName: There is none of that name.
            BadInput: Its file cannot be used; the message says why.
        """
        entry = self._find(name)
        if entry.info.pictures:  # the list knows no more than their names
            entry = _read(entry.path, entry.info.bundled)
        if entry.preset is None:
            raise BadInput(f"The preset '{_short(name)}' cannot be used: {entry.info.problem}.")
        return entry.preset

    def save(
        self,
        name: str,
        settings: Settings,
        overwrite: bool = False,
        pictures: Mapping[str, bytes] | None = None,
    ) -> Preset:
        """Stores `settings` under `name`.

        Args:
            name: What people call it.
            settings: All of them are kept.
            overwrite: Replace one of the same name, its pictures included.
            pictures: To keep with it, see `Preset`.

        Raises:
            BadInput: The name cannot be used or, without `overwrite`, is taken (names that differ
                only in case are one name), or belongs to a bundled preset; or a picture cannot be
                kept, or all together are too large.
            StorageProblem: The disk is full, or the folder may not be written to.
        """
        check_name(name)
        preset = Preset(name, settings.mode, settings, dict(pictures or {}))
        content = preset.to_bytes()
        try:
            _check_pictures(preset)
            _check_size(len(content), len(replace(preset, pictures={}).to_bytes()))
        except BadInput as error:
            raise BadInput(f"The preset cannot be kept: {_clause(error)}.", "pictures") from None
        with locked(self._user_dir):
            self._write(name, content, overwrite)
        return preset

    def _write(self, name: str, content: bytes, overwrite: bool) -> None:
        taken = [entry for entry in self._entries() if _key(entry.info.name) == _key(name)]
        if any(entry.info.bundled for entry in taken):
            raise BadInput(
                f"The preset '{name}' comes with the studio; choose another name.", "name"
            )
        if taken and not overwrite:
            raise self._taken(taken[0].info.name)
        target = self._user_dir / _file_name(name)
        try:
            if overwrite:
                write_replacing(target, content)
                for entry in taken:
                    if entry.path != target:
                        entry.path.unlink(missing_ok=True)
            else:
                write_new(target, content)
        except FileExistsError:  # another process was faster
            raise self._taken(name) from None
        except OSError as error:
            raise storage_problem(error, "The preset", "the presets folder") from error

    def delete(self, name: str) -> None:
        """Deletes an own preset, broken ones included.

        Raises:
            UnknownName: There is none of that name.
            BadInput: It comes with the studio.
            StorageProblem: The file could not be removed.
        """
        entry = self._find(name, own_first=True)
        if entry.info.bundled:
            raise BadInput(f"The preset '{name}' comes with the studio and stays.", "name")
        try:
            with locked(self._user_dir):
                entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_problem(error, "The preset", "the presets folder") from error

    def export(self, name: str) -> bytes:
        """The preset as a file to keep or to pass on. Raises as `load` does."""
        return self.load(name).to_bytes()

    def import_(self, data: bytes, overwrite: bool = False) -> Preset:
        """Stores a preset from a file that `export` made.

        Raises:
            BadInput: The file is too large or not a preset that can be used, or its name is taken.
            StorageProblem: It could not be stored.
        """
        try:
            preset = parse_preset(data)
        except BadInput as error:
            raise BadInput(f"The preset file cannot be used: {_clause(error)}.") from None
        return self.save(preset.name, preset.settings, overwrite, preset.pictures)

    def _entries(self) -> builtins.list[_Entry]:
        bundled = self._read_folder(self._bundled_dir, bundled=True)
        own = self._read_folder(self._user_dir, bundled=False)
        names = {_key(entry.info.name) for entry in bundled}
        seen: set[str] = set()
        for number, entry in enumerate(own):
            key = _key(entry.info.name)
            if entry.preset is not None and key in names | seen:
                owner = "a bundled preset" if key in names else "another preset"
                problem = f"it has the name of {owner}; change the name in {entry.path.name}"
                info = PresetInfo(entry.path.stem, entry.info.mode, False, problem)
                own[number] = _Entry(info, entry.path, None)
            seen.add(key)
        return bundled + own

    def _find(self, name: str, own_first: bool = False) -> _Entry:
        found = [entry for entry in self._entries() if _key(entry.info.name) == _key(name)]
        # A usable preset goes before a broken file whose stem happens to be its name.
        found.sort(key=lambda e: (e.info.bundled if own_first else False, e.preset is None))
        if not found:
            raise UnknownName(
                f"There is no preset '{_short(name)}'; choose one of the list.", "name"
            )
        return found[0]

    def _read_folder(self, folder: Path, *, bundled: bool) -> builtins.list[_Entry]:
        try:
            paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
        except OSError:
            return []
        with self._lock:
            for path in [path for path in self._seen if path.parent == folder]:
                if path not in paths:
                    del self._seen[path]
        entries = [self._listed(path, bundled) for path in paths]
        return sorted(entries, key=lambda entry: (_key(entry.info.name), entry.path.name))

    def _listed(self, path: Path, bundled: bool) -> _Entry:
        """What the list says of a file; it is read only when it is new or has changed."""
        try:
            stat = path.stat()
        except OSError:
            return _read(path, bundled)
        mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        with self._lock:
            known = self._seen.get(path)
        if known is not None and known[0] == mark:
            return known[1]
        entry = _read(path, bundled)
        if entry.preset is not None:
            entry = replace(entry, preset=replace(entry.preset, pictures={}))
            with self._lock:
                self._seen[path] = (mark, entry)
        return entry

    @staticmethod
    def _taken(name: str) -> BadInput:
        return BadInput(
            f"There is a preset '{name}' already; overwrite it or choose another name.", "name"
        )


def check_name(name: str) -> None:
    """Refuses names that could not be a file's on every system, or would deceive a reader.

    Raises:
        BadInput: Says what is wrong with it.
    """

    def refuse(reason: str) -> BadInput:
        return BadInput(f"A preset's name {reason}.", "name")

    if not _key(name).strip():
        raise refuse("must not be empty")
    if len(name) > MAX_NAME_CHARS:
        raise refuse(f"must not be longer than {MAX_NAME_CHARS} characters")
    kinds = {unicodedata.category(char) for char in name}
    if kinds & {"Cc", "Cs", "Cn", "Zl", "Zp"} or set(name) & _BIDI:
        raise refuse("must not hold control characters")
    if set(name) & set('<>:"/\\|?*'):
        raise refuse('must not hold any of < > : " / \\ | ? *')
    if name != name.strip() or name.startswith(".") or name.endswith("."):
        raise refuse("must not begin with a dot, nor begin or end with a space, nor end with a dot")
    if name.split(".")[0].strip().casefold() in _RESERVED:
        raise refuse(f"must not be '{name}', which some systems keep for devices")


def parse_preset(data: bytes) -> Preset:
    """Reads a preset file; its pictures are not decoded.

    Raises:
        BadInput: Its message completes "it cannot be used: ...".
    """
    # JSON needs a mark for each value, and base64 has none: so much is settings, whatever it says.
    _check_size(len(data), sum(map(data.count, (b",", b"[", b"{"))))
    document = documents.read(data, "a preset", ("name", "pictures"))
    name, sent = document.further.get("name"), document.further.get("pictures", {})
    if not isinstance(name, str):
        raise BadInput("it needs a name, a mode and settings")
    texts = _texts(sent)
    _check_size(len(data), len(data) - sum(map(len, texts.values())))
    check_name(name)
    pictures = {picture: _from_base64(picture, text) for picture, text in texts.items()}
    preset = Preset(name, document.mode, document.settings, pictures)
    _check_pictures(preset)
    return preset


def _texts(sent: object) -> dict[str, str]:
    """An object whose values are all texts."""
    if isinstance(sent, dict):
        found = cast(dict[str, object], sent)
        texts = {name: text for name, text in found.items() if isinstance(text, str)}
        if len(texts) == len(found):
            return texts
    raise BadInput("its pictures are not base64 by name")


def _check_size(size_bytes: int, settings_bytes: int) -> None:
    """Refuses a file that is too large, as a whole or without its pictures."""
    if size_bytes > MAX_PRESET_BYTES:
        raise BadInput(f"it is larger than {MAX_PRESET_BYTES // 2**20} MB")
    if settings_bytes > MAX_SETTINGS_BYTES:
        raise BadInput(f"its settings are larger than {MAX_SETTINGS_BYTES // 1024} KB")


def _check_pictures(preset: Preset) -> None:
    for name, file in preset.pictures.items():
        if name not in preset.settings.pictures:
            raise BadInput(f"there is no picture '{_short(name)}' in {preset.mode}")
        if not suffix(file):
            raise BadInput(f"its picture '{name}' is not a PNG or JPEG")


def _from_base64(name: str, text: str) -> bytes:
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError:  # of either step
        raise BadInput(f"its picture '{_short(name)}' is damaged") from None


def _read(path: Path, bundled: bool) -> _Entry:
    try:
        if not path.is_file():
            raise BadInput("it is not a file")
        with path.open("rb") as file:
            preset = parse_preset(file.read(MAX_PRESET_BYTES + 1))
    except LoomError as error:
        problem = _clause(error)
    except OSError:
        problem = "its file cannot be read"
    else:
        info = PresetInfo(preset.name, preset.mode, bundled, None, tuple(preset.pictures))
        return _Entry(info, path, preset)
    return _Entry(PresetInfo(path.stem, "", bundled, problem), path, None)


def _clause(error: LoomError) -> str:
    return str(error).rstrip(".")


def _key(name: str) -> str:
    """What two names share that a disk which ignores case, or a reader, would take for one."""
    seen = "".join(c for c in name if unicodedata.category(c) != "Cf" and c not in _UNSEEN)
    folded = unicodedata.normalize("NFC", seen).casefold()
    return unicodedata.normalize("NFC", folded)


def _file_name(name: str) -> str:
    # From the key, so that two processes saving "Sea" and "sea" meet on every disk.
    stem = _key(name)
    if len(stem.encode()) > _MAX_STEM_BYTES:
        digest = hashlib.sha256(stem.encode()).hexdigest()[:12]
        stem = stem.encode()[: _MAX_STEM_BYTES - 13].decode(errors="ignore") + "-" + digest
    return f"{stem}.json"


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"

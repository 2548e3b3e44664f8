"""Files that clients sent: read only where Gradio put them, never wherever a client says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from backend.contracts.clip import as_pictures
from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.settings import ClipSettings, Settings
from backend.contracts.settings.clip import KEY_PICTURE
from backend.contracts.sound import SOUND
from backend.pictures.budget import Budget
from backend.pictures.clips import read_clip
from backend.pictures.clips.sound import read_sound
from backend.pictures.decode import decode, decode_mask
from ui.server.foreign import as_dict, as_list

MAX_PICTURE_BYTES = 32_000_000


class Uploads:
    """The files of one request: each is read and decoded once, all of them within one budget.

    Args:
        budget: What they may take, packed and unpacked together.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._contents: dict[Path, bytes] = {}
        self._pictures: dict[tuple[bytes, bool], Pixels] = {}

    def read(self, sent: Any, max_bytes: int) -> bytes:
        """Reads an uploaded file.

        Args:
            sent: What the client named: a path, or a dict with "path" (Gradio's FileData).
            max_bytes: Larger files are refused.

        Raises:
            BadInput: It is not a file under Gradio's upload folder, or too large.
        """
        path, size_bytes = _located(sent)
        if size_bytes > max_bytes:
            raise BadInput(
                f"The file is too large; {max_bytes // 1_000_000} MB is the limit.", "file"
            )
        if path not in self._contents:
            self.budget.take(size_bytes, "file")
            try:
                with path.open("rb") as file:
                    self._contents[path] = file.read(size_bytes)
                os.utime(path)  # what is used stays; what an hour has not touched goes
            except OSError:
                raise _elsewhere() from None
        return self._contents[path]

    def picture(self, content: bytes, name: str, *, mask: bool = False) -> Pixels:
        """Decodes a picture of this request; the same bytes once only.

        Args:
            content: The file's bytes.
            name: The settings field that errors point at.
            mask: Read it as a mask: alpha decides where there is any.

        Raises:
            BadInput: It cannot be read, or is more than the budget allows.
        """
        if (content, mask) not in self._pictures:
            read = decode_mask if mask else decode
            self._pictures[content, mask] = read(content, name, self.budget)
        return self._pictures[content, mask]

    def pictures(self, sent: Mapping[str, Any]) -> dict[str, Pixels]:
        """Uploaded pictures by name, decoded; those that were not sent are left out.

        Raises:
            BadInput: One cannot be read; says which file is accepted.
        """
        return {
            name: self.picture(self.read(file, MAX_PICTURE_BYTES), name, mask=name == "mask")
            for name, file in sent.items()
            if file is not None
        }


def read_upload(sent: Any, max_bytes: int) -> bytes:
    """Reads the one file of a request (see `Uploads.read`)."""
    return Uploads().read(sent, max_bytes)


def read_pictures(sent: Mapping[str, Any]) -> dict[str, Pixels]:
    """Decodes all pictures of a request (see `Uploads.pictures`)."""
    return Uploads().pictures(sent)


def read_inputs(settings: Settings, sent: Mapping[str, Any]) -> tuple[Settings, dict[str, Pixels]]:
    """What a mode is given beside its settings: pictures, or the frames of a clip.

    Returns:
        The settings, with what they take from a clip; and the pictures of the request.

    Raises:
        BadInput: A file cannot be read.
    """
    uploads = Uploads()
    if not isinstance(settings, ClipSettings) or sent.get("clip") is None:
        return settings, uploads.pictures(sent)
    content = uploads.read(sent["clip"], MAX_PICTURE_BYTES)
    clip = read_clip(content, settings.cut, uploads.budget)
    key = uploads.pictures({KEY_PICTURE: sent.get(KEY_PICTURE)})
    made = as_pictures(clip) | key
    if settings.audio:
        sound = read_sound(content, settings.cut, len(clip.frames), uploads.budget)
        made[SOUND] = sound.as_picture()
    return settings.of_clip(clip), made


def _located(sent: Any) -> tuple[Path, int]:
    """The file that a client named, and its size in bytes."""
    if len(several := as_list(sent)) == 1:
        sent = several[0]
    name = as_dict(sent).get("path") if isinstance(sent, dict) else getattr(sent, "path", sent)
    if not isinstance(name, str) or not name or "\x00" in name:
        raise BadInput("Send a file; nothing usable arrived.", "file")
    folder = Path(get_upload_folder()).resolve()
    try:
        path = Path(name).resolve(strict=True)
        if not path.is_relative_to(folder) or not path.is_file():
            raise _elsewhere()
        return path, path.stat().st_size
    except OSError:
        raise _elsewhere() from None


def _elsewhere() -> BadInput:
    return BadInput("Upload the file; a path on the server is not accepted.", "file")

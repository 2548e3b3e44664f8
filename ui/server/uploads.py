"""Files that clients sent: read only where Gradio put them, never wherever a client says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.pictures.decode import decode

MAX_PICTURE_BYTES = 32_000_000


def read_upload(sent: Any, max_bytes: int) -> bytes:
    """Reads an uploaded file.

    Args:
        sent: What the client named: a path, or a dict with "path" (Gradio's FileData).
        max_bytes: Larger files are refused.

    Raises:
        BadInput: It is not a file under Gradio's upload folder, or too large.
    """
    if isinstance(sent, list) and len(sent) == 1:
        sent = sent[0]
    name = sent.get("path") if isinstance(sent, dict) else getattr(sent, "path", sent)
    if not isinstance(name, str) or not name or "\x00" in name:
        raise BadInput("Send a file; nothing usable arrived.", "file")
    folder = Path(get_upload_folder()).resolve()
    try:
        path = Path(name).resolve(strict=True)
        if not path.is_relative_to(folder) or not path.is_file():
            raise BadInput("Upload the file; a path on the server is not accepted.", "file")
        if path.stat().st_size > max_bytes:
            raise BadInput(
                f"The file is too large; {max_bytes // 1_000_000} MB is the limit.", "file"
            )
        return path.read_bytes()
    except OSError:
        raise BadInput("Upload the file; a path on the server is not accepted.", "file") from None


def read_pictures(sent: dict[str, Any]) -> dict[str, Pixels]:
    """Uploaded pictures by name, decoded; those that were not sent are left out.

    Raises:
        BadInput: One cannot be read; says which file is accepted.
    """
    return {
        name: decode(read_upload(file, MAX_PICTURE_BYTES), name)
        for name, file in sent.items()
        if file is not None
    }

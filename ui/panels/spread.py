"""A zip of pictures that was uploaded to be drawn one after another: each becomes a file."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from backend.pictures.budget import Budget
from backend.pictures.zipped import pictures_in
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict
from ui.server.temp_files import new_folder
from ui.server.uploads import MAX_PICTURE_BYTES, read_upload

MOST_PICTURES = 100
MAX_NAME_CHARS = 100


def spread(asked: Any) -> dict[str, Any]:
    """The pictures of an uploaded zip.

    Args:
        asked: {"path"} as the upload was answered.

    Returns:
        {"pictures": [{"path", "name"}]}, paths as a form may name them; or {"error"}.
    """
    try:
        content = read_upload(as_dict(asked).get("path"), MAX_PICTURE_BYTES)
        found = pictures_in(content, MOST_PICTURES, Budget())
        return {"pictures": [_written(name, data) for name, data in found]}
    except Exception as error:
        return {"error": sentence(error)}


def _written(name: str, data: bytes) -> dict[str, str]:
    path = new_folder() / f"picture{PurePosixPath(name).suffix.lower()}"
    path.write_bytes(data)
    return {"path": str(path), "name": name[:MAX_NAME_CHARS]}

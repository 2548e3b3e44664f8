"""What somebody sent to learn from: uploaded pictures, captions, listings and zips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.requests import CaptionedPicture
from backend.contracts.settings.train_lora import MAX_PICTURES
from backend.training.data import load_files
from ui.server.foreign import as_dict, as_list
from ui.server.uploads import MAX_PICTURE_BYTES, Uploads

MAX_NAME_CHARS = 300
MAX_CAPTION_CHARS = 2000
MAX_FILES = 3 * MAX_PICTURES  # a picture, its caption's file, and some more


def read_training(sent: Any) -> tuple[CaptionedPicture, ...]:
    """Reads the uploads.

    Args:
        sent: A list of {"path", "name", "caption"}; a caption goes before those in files.

    Raises:
        BadInput: Says which file cannot be used, or what is missing.
    """
    items = as_list(sent)
    if not isinstance(sent, list) or any(not isinstance(item, dict) for item in items):
        raise BadInput("Send the pictures as a list of files.", "pictures")
    if len(items) > MAX_FILES:
        raise BadInput(
            f"{len(items)} files are too many; choose up to {MAX_PICTURES} pictures.", "pictures"
        )
    uploads = Uploads()
    files: dict[str, bytes] = {}
    captions: dict[str, str] = {}
    for number, item in enumerate(map(as_dict, items)):
        name = _free(_text(item.get("name"), MAX_NAME_CHARS) or f"picture {number + 1}", files)
        files[name] = uploads.read(item.get("path"), MAX_PICTURE_BYTES)
        if caption := _text(item.get("caption"), MAX_CAPTION_CHARS).strip():
            captions[name.rsplit("/", 1)[-1]] = caption
    return tuple(
        CaptionedPicture(picture.name, picture.image, captions.get(picture.name, picture.caption))
        for picture in load_files(files, budget=uploads.budget)
    )


def read_training_files(files: Any, captions: Sequence[Any]) -> tuple[CaptionedPicture, ...]:
    """The same for a script: Gradio's files, and a caption for each, where there are any."""
    sent = as_list(files)
    if not isinstance(files, list):
        raise BadInput("Send the pictures as a list of files.", "pictures")
    if captions and len(captions) != len(sent):
        raise BadInput(
            f"There are {len(captions)} captions for {len(sent)} files; give one for "
            "each, or none.",
            "captions",
        )
    said = captions or [""] * len(sent)
    return read_training(
        [
            {"path": file, "name": _original_name(file), "caption": caption}
            for file, caption in zip(sent, said, strict=True)
        ]
    )


def _original_name(file: Any) -> str:
    given = as_dict(file) or {
        "orig_name": getattr(file, "orig_name", None),
        "path": getattr(file, "path", None),
    }
    name = given.get("orig_name") or given.get("path") or ""
    return str(name).replace("\\", "/").rsplit("/", 1)[-1]


def _free(name: str, taken: dict[str, bytes]) -> str:
    """The name, numbered where two files have it."""
    stem, dot, suffix = name.rpartition(".")
    number = 2
    while name in taken:
        name = f"{stem} ({number}){dot}{suffix}"
        number += 1
    return name


def _text(value: Any, longest: int) -> str:
    return value[:longest] if isinstance(value, str) else ""

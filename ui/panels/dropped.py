"""What a file that was dropped on the page holds, before somebody says what it is wanted for."""

from __future__ import annotations

from typing import Any

from backend.contracts.errors import BadInput
from backend.recipes.metadata import from_texts
from backend.recipes.texts import every_text
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict
from ui.server.uploads import MAX_PICTURE_BYTES, read_upload

MAX_TEXT_CHARS = 60_000


def look(asked: Any) -> dict[str, Any]:
    """The texts of an uploaded picture, and whose recipe they hold.

    Args:
        asked: {"path"} as the upload was answered.

    Returns:
        {"recipe", "texts"}: the name of the tool that made it, "" where there is no recipe, and
        [key, text] of each of the file's texts; or {"error"}.
    """
    try:
        content = read_upload(as_dict(asked).get("path"), MAX_PICTURE_BYTES)
        texts = every_text(content)
        try:
            recipe = from_texts(texts).tool
        except BadInput:
            recipe = ""
    except Exception as error:
        return {"error": sentence(error)}
    return {"recipe": recipe, "texts": [[key, _cut(text)] for key, text in texts.items()]}


def _cut(text: str) -> str:
    rest = len(text) - MAX_TEXT_CHARS
    return text if rest <= 0 else f"{text[:MAX_TEXT_CHARS]}… ({rest:,} characters more)"

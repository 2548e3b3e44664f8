"""What `/v1` answers: models, pictures and errors in the shapes that OpenAI's clients read."""

from __future__ import annotations

import base64
import io
import time
from typing import Any

from PIL import Image

from backend.contracts.errors import BadInput, LoomError, QueueFull, UnknownName
from backend.contracts.events import Output
from backend.contracts.library import Library, ModelEntry
from backend.pictures.opening import opened
from backend.recipes.metadata import write_png
from ui.openai.payloads import Asked, Format, Prompted

KINDS: dict[Format, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
QUALITY = 95  # of jpeg and webp where none is asked for


def models(library: Library, since_s: int) -> dict[str, Any]:
    """Those that can be used."""
    usable = (card for card in library.models if card.problem is None)
    return {"object": "list", "data": [model(card, since_s) for card in usable]}


def model(card: ModelEntry, since_s: int) -> dict[str, Any]:
    """One of them."""
    return {"id": card.name, "object": "model", "created": since_s, "owned_by": "latent-loom"}


def encoded(output: Output, kind: Format, compression: int | None = None) -> bytes:
    """A finished picture as a file; a png carries its record."""
    if kind == "png":
        return write_png(output.image, output.record)
    return _packed(Image.fromarray(output.image), kind, compression)


def previewed(jpeg: bytes, kind: Format, compression: int | None = None) -> bytes:
    """A preview of ours, a JPEG, as a file of that kind."""
    if kind == "jpeg":
        return jpeg
    with opened(jpeg) as image:
        return _packed(image, kind, compression)


def _packed(image: Image.Image, kind: Format, compression: int | None) -> bytes:
    stream = io.BytesIO()
    options: dict[str, Any] = {} if kind == "png" else {"quality": compression or QUALITY}
    if compression == 0:
        options["quality"] = 1
    image.save(stream, kind, **options)
    return stream.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    """(width, height) of a file of ours."""
    with opened(data) as image:
        return image.size


def about(sent: Asked, width: int, height: int) -> dict[str, Any]:
    """What is told beside pictures, of all of a request."""
    quality = sent.quality if isinstance(sent, Prompted) else None
    return {
        "created": int(time.time()),
        "size": f"{width}x{height}",
        "quality": quality or "auto",
        "background": "opaque",
        "output_format": sent.output_format,
    }


def coded(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def error(text: str, kind: str, field: str | None = None, code: str | None = None) -> Any:
    """A refusal."""
    return {"error": {"message": text, "type": kind, "param": field, "code": code}}


def unauthorized(kind: str, text: str) -> Any:
    """A refusal of whoever may not come in."""
    return error(
        text, "authentication_error", None, "invalid_api_key" if kind == "Unauthorized" else None
    )


def refusal(failure: LoomError) -> tuple[int, Any]:
    """Status and body of what the studio refuses."""
    text, field = str(failure), getattr(failure, "field", None)
    match failure:
        case UnknownName():
            code = "model_not_found" if field == "model" else "not_found"
            return 404, error(text, "invalid_request_error", field, code)
        case QueueFull():
            return 429, error(text, "rate_limit_error", None, "rate_limit_exceeded")
        case BadInput():
            return 400, error(text, "invalid_request_error", field, "invalid_value")
        case _:
            return 400, error(text, "invalid_request_error", field)

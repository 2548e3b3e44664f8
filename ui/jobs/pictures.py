"""Pictures on their way to the page: encoded, named by what is in them, asked for once."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from backend.contracts.errors import LoomError
from backend.contracts.events import Output, Pixels
from backend.engine.jobs.protocol import Engine

_KEPT = "private, max-age=86400, immutable"
_ASKED_AGAIN = "private, no-cache"


def encode_jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """(H, W, 3) -> JPEG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def encode_png(pixels: Pixels) -> bytes:
    """(H, W, 3) -> PNG, for thin lines that JPEG would smear."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def png_uri(pixels: Pixels) -> str:
    """(H, W, 3) -> PNG as a data URI."""
    return data_uri(encode_png(pixels), "image/png")


def data_uri(content: bytes, kind: str) -> str:
    """Bytes as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def file_url(path: Path) -> str:
    """Where Gradio serves a file of an allowed folder, relative to the page."""
    return "gradio_api/file=" + quote(str(path))


def served(request: Request, content: bytes, kind: str, *, lasting: bool = True) -> Response:
    """An answer that browsers keep, and that costs nothing when they have it.

    Args:
        request: Its `If-None-Match` is answered with 304 where the content is the same.
        content: The file.
        kind: Its media type.
        lasting: Whether it will always be the same at this address.
    """
    tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": _KEPT if lasting else _ASKED_AGAIN}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


def chosen(engine: Engine, job: Any, image: Any) -> Output | None:
    """The picture of a job that the page names; None when it is gone."""
    try:
        outputs = engine.results(job) if isinstance(job, str) else ()
    except LoomError:
        return None
    number = image if isinstance(image, int) and not isinstance(image, bool) else 0
    return outputs[number] if 0 <= number < len(outputs) else None

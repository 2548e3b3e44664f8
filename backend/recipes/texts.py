"""The texts that a picture's file carries, wherever its format keeps them, by PNG's names for them.

PNG: text chunks, and EXIF where others made the file of a JPEG or WebP. JPEG, WebP and AVIF: EXIF's
UserComment (A1111) and its plain tags (ComfyUI writes `prompt:{...}` there), XMP (Draw Things, and
ours: `recipes.pictures`), a comment. GIF: a comment. Pixels are decoded only where no text tells
anything: a record may lie in them, see `hidden`. A file of text that a tool wrote beside a picture
is read as the picture's text: `sidecar`.
"""

from __future__ import annotations

import html
import io
from typing import Any

from PIL import Image

from backend.contracts.errors import BadInput
from backend.pictures.opening import MAX_PIXELS, header_of
from backend.recipes import png_text
from backend.recipes.hidden import hidden_texts
from backend.recipes.readers.common import KOHYA_KEYS
from backend.recipes.sidecar import OWN_KEY, texts_in

XMP_KEY = "XML:com.adobe.xmp"
OWN_NAMESPACE, OWN_ELEMENT = "urn:latent-loom:record:1", "loom:record"
EASY_KEYS = (  # Easy Diffusion's, a chunk for each field
    *("negative_prompt", "seed", "num_inference_steps", "guidance_scale", "width", "height"),
    *("sampler_name", "scheduler_name", "use_stable_diffusion_model", "use_vae_model"),
    *("use_lora_model", "lora_alpha", "clip_skip"),
)
KEYS = frozenset(
    {
        OWN_KEY,
        "parameters",
        "prompt",
        "workflow",
        "invokeai_metadata",
        "fooocus_scheme",
        "sd-metadata",
        "Dream",
        "generation_data",
        *EASY_KEYS,
        *KOHYA_KEYS,
        "Software",
        "Source",
        "Description",
        "Comment",
        XMP_KEY,
    }
)
# Also written by who made no picture; a comment tells something where it is JSON.
_TELLING = KEYS - {"Software", "Source", "Description", "Comment", XMP_KEY}
FORMATS = ("JPEG", "WEBP", "AVIF", "GIF")
KNOWN = "PNG, JPEG, WebP, AVIF or GIF"
MAX_TEXT_CHARS = 1024 * 1024
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_PLAIN_TAGS = (0x010E, 0x010F, 0x0110)  # ImageDescription, Make, Model


def texts_of(data: bytes, *, hidden: bool = True) -> dict[str, str]:
    """Reads the texts of a file that records are kept in.

    Args:
        data: The file's bytes.
        hidden: Also look into the pixels, where no text tells anything.

    Raises:
        BadInput: It is no picture of a known format.
    """
    found = _texts(data, KEYS)
    return _with_hidden(found, data) if hidden else found


def every_text(data: bytes) -> dict[str, str]:
    """The same, with a PNG's texts under whatever keyword.

    Raises:
        BadInput: It is no picture of a known format.
    """
    return _with_hidden(_texts(data, None), data)


def _with_hidden(found: dict[str, str], data: bytes) -> dict[str, str]:
    told = found.get("Comment", "").lstrip().startswith("{") or bool(_TELLING & set(found))
    return found if told else found | hidden_texts(data, KEYS)


def _texts(data: bytes, keys: frozenset[str] | None) -> dict[str, str]:
    if data.startswith(png_text.SIGNATURE):
        return _in_exif(data) | with_xmp(png_text.read_texts(io.BytesIO(data), keys))
    beside = texts_in(data)
    if beside is not None:
        return beside
    try:
        with header_of(data, FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadInput(f"The picture is larger than {MAX_PIXELS / 1e6:.1f} megapixels.")
            return with_xmp(_of_header(image))
    except BadInput:
        raise
    except Exception:  # a parser of hostile bytes may raise anything
        raise BadInput(f"This is not a {KNOWN} picture that can be read.") from None


def _in_exif(data: bytes) -> dict[str, str]:
    """What a PNG's EXIF block holds: others made the file of a JPEG or WebP."""
    block = png_text.read_exif(io.BytesIO(data))
    if not block:
        return {}
    exif = Image.Exif()
    try:
        exif.load(block)
        return _of_exif(exif)
    except Exception:  # a parser of hostile bytes may raise anything; it holds no record then
        return {}


def with_xmp(texts: dict[str, str]) -> dict[str, str]:
    """What an XMP packet holds stands for `parameters` and our own text where there are none."""
    packet = texts.get(XMP_KEY)
    if not packet:
        return texts
    told = {"parameters": _in_xmp(packet), OWN_KEY: _own(packet)}
    return {key: text for key, text in told.items() if text} | texts


def _of_header(image: Image.Image) -> dict[str, str]:
    found = _of_exif(image.getexif())
    plain = image.info.get("comment")
    if "parameters" not in found and (text := _text(plain)):
        found["parameters"] = text
    if packet := _text(image.info.get("xmp")):
        found[XMP_KEY] = packet
    return {key: value[:MAX_TEXT_CHARS] for key, value in found.items()}


def _of_exif(exif: Image.Exif) -> dict[str, str]:
    found: dict[str, str] = {}
    comment = _user_comment(exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT, b""))
    if comment:
        found["parameters"] = comment
    for tag in _PLAIN_TAGS:
        value = exif.get(tag)
        for key in ("prompt", "workflow"):
            if isinstance(value, str) and value[: len(key) + 1].lower() == f"{key}:":
                found.setdefault(key, value[len(key) + 1 :])
    return found


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value[:MAX_TEXT_CHARS].decode("utf-8").rstrip("\0")
        except UnicodeDecodeError:
            return value[:MAX_TEXT_CHARS].decode("latin-1").rstrip("\0")
    return value if isinstance(value, str) else ""


def _user_comment(raw: Any) -> str:
    """EXIF 2.32, 4.6.5: eight bytes say the encoding."""
    if isinstance(raw, str):
        return raw
    if not isinstance(raw, bytes):
        return ""
    code, body = raw[:8], raw[8:]
    if code == b"UNICODE\0":
        # EXIF does not say which byte order; nearly all of this text is ASCII, so the zeros tell.
        little = body[1::2].count(0) > body[::2].count(0)
        return body.decode("utf-16-le" if little else "utf-16-be", errors="replace")
    return _text(body if code in (b"ASCII\0\0\0", b"\0" * 8) else raw)


def _in_xmp(packet: str) -> str:
    """The first item of `exif:UserComment`; found as text, since XML parsers are one more door."""
    place = packet.find("<exif:UserComment")
    start = packet.find("<rdf:li", place)
    open_end = packet.find(">", start)
    end = packet.find("</rdf:li>", open_end)
    if min(place, start, open_end, end) < 0:
        return ""
    return html.unescape(packet[open_end + 1 : end]).strip()


def _own(packet: str) -> str:
    """Our own record in a packet; found as text, as above."""
    start, end = packet.find(f"<{OWN_ELEMENT}>"), packet.find(f"</{OWN_ELEMENT}>")
    if min(start, end) < 0:
        return ""
    return html.unescape(packet[start + len(OWN_ELEMENT) + 2 : end])

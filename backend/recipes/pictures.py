"""Results as files: PNG, JPEG or WebP, each with its record.

PNG keeps it in text chunks (`metadata.write_png`). JPEG and WebP keep A1111's text where the
field's tools look for it, in EXIF's UserComment (EXIF 2.32, 4.6.5), and our own JSON in an XMP
packet. A JPEG's segments hold 64 KB each: a record that is longer goes into a PNG instead, so that
no picture is without one.
"""

from __future__ import annotations

import html
import io
import json
from dataclasses import dataclass
from typing import Any

from PIL import Image

from backend.contracts.events import Pixels, Record
from backend.recipes.a1111 import parameters_text
from backend.recipes.metadata import document_of, write_png
from backend.recipes.texts import OWN_ELEMENT, OWN_NAMESPACE

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
MAX_SEGMENT_BYTES = 65_000  # of 65,533, less what names the segment
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_FINE = 90  # from here on colours are kept at the full size


@dataclass(frozen=True)
class Encoded:
    """A picture as a file.

    Attributes:
        content: Its bytes.
        suffix: Of its name, with the dot.
    """

    content: bytes
    suffix: str

    @property
    def kind(self) -> str:
        """Its media type."""
        return KINDS[self.suffix]


def encoded(image: Pixels, record: Record) -> Encoded:
    """A picture, (H, W, 3) uint8 RGB, in the format that its record asks for, with the record."""
    wanted = str(record.settings.get("save_format", "png"))
    quality = int(record.settings.get("save_quality", 90))
    packet, exif = _packet(record), _exif(parameters_text(record))
    long = max(len(packet), len(exif)) > MAX_SEGMENT_BYTES
    if wanted not in ("jpeg", "webp") or (wanted == "jpeg" and long):
        return Encoded(write_png(image, record), SUFFIXES["png"])
    options: dict[str, Any] = {"quality": quality, "exif": exif, "xmp": packet}
    if wanted == "jpeg":
        options["subsampling"] = "4:4:4" if quality >= _FINE else "4:2:0"
    else:
        options["lossless"] = quality == 100
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, wanted, **options)
    return Encoded(buffer.getvalue(), SUFFIXES[wanted])


def _packet(record: Record) -> bytes:
    own = html.escape(json.dumps(document_of(record), allow_nan=False), quote=False)
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:loom="{OWN_NAMESPACE}">'
        f"<{OWN_ELEMENT}>{own}</{OWN_ELEMENT}>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _exif(text: str) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"UNICODE\0" + text.encode("utf-16-be")
    return exif.tobytes()

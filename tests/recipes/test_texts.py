"""The texts of a file, wherever its format keeps them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from backend.contracts.errors import BadInput
from backend.recipes.texts import MAX_TEXT_CHARS, XMP_KEY, texts_of, with_xmp

COMMENT, EXIF_IFD = 0x9286, 0x8769


def saved(kind: str, size: tuple[int, int] = (16, 16), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, kind, **options)
    return buffer.getvalue()


def exif(comment: bytes | None = None, **plain: Any) -> bytes:
    made = Image.Exif()
    if comment is not None:
        made.get_ifd(EXIF_IFD)[COMMENT] = comment
    for tag, value in plain.items():
        made[int(tag[1:], 16)] = value
    return made.tobytes()


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + "a höuse".encode("utf-16-be"),
        b"UNICODE\0" + "a höuse".encode("utf-16-le"),
        b"ASCII\0\0\0" + "a höuse".encode(),
        b"\0" * 8 + "a höuse".encode(),
        "a höuse, without a code".encode(),
    ],
)
def test_a_comment_in_exif_says_its_encoding(comment: bytes) -> None:
    assert texts_of(saved("jpeg", exif=exif(comment)))["parameters"].startswith("a höuse")


def test_comfyuis_texts_stand_in_plain_tags() -> None:
    made = exif(None, x010F='Prompt:{"1": 2}', x010E="workflow:{}")
    assert texts_of(saved("webp", exif=made)) == {"prompt": '{"1": 2}', "workflow": "{}"}


@pytest.mark.parametrize("kind", ["jpeg", "gif"])
def test_a_plain_comment_is_the_parameters_where_there_are_none(kind: str) -> None:
    assert texts_of(saved(kind, comment=b"a house"))["parameters"] == "a house"


def test_a_pngs_chunks_keep_their_names() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a house")
    info.add_text("Author", "nobody")
    assert texts_of(saved("png", pnginfo=info)) == {"parameters": "a house"}


PACKET = (
    "<x><exif:UserComment><rdf:Alt><rdf:li xml:lang='x'> a &lt;house&gt; </rdf:li></rdf:Alt>"
    "</exif:UserComment></x>"
)


def test_a_comment_in_xmp_stands_for_parameters() -> None:
    assert with_xmp({XMP_KEY: PACKET})["parameters"] == "a <house>"
    both = {XMP_KEY: PACKET, "parameters": "a tree"}
    assert with_xmp(both) == both


@pytest.mark.parametrize(
    "packet", ["", "<x/>", "<exif:UserComment>", PACKET[:60], "</rdf:li><exif:UserComment><rdf:li>"]
)
def test_a_damaged_packet_says_nothing(packet: str) -> None:
    assert "parameters" not in with_xmp({XMP_KEY: packet})


def test_a_text_is_cut_where_it_is_long() -> None:
    found = texts_of(saved("gif", comment=b"x" * (MAX_TEXT_CHARS + 9)))
    assert len(found["parameters"]) <= MAX_TEXT_CHARS


@pytest.mark.parametrize("data", [b"", b"a house", b"\xff\xd8\xff\xe1\x00", b"BM" + b"\0" * 64])
def test_what_is_no_picture_of_a_known_format_is_said(data: bytes) -> None:
    with pytest.raises(BadInput, match="not a PNG, JPEG, WebP, AVIF or GIF picture"):
        texts_of(data)


def test_a_png_that_was_made_of_a_jpeg_keeps_its_exif() -> None:
    made = saved("png", exif=exif(b"UNICODE\0" + "a höuse".encode("utf-16-be")))
    assert texts_of(made) == {"parameters": "a höuse"}
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "its own")
    both = saved("png", exif=exif(b"ASCII\0\0\0old"), pnginfo=info)
    assert texts_of(both) == {"parameters": "its own"}


def test_damaged_exif_of_a_png_holds_nothing() -> None:
    made = saved("png", exif=exif(b"ASCII\0\0\0a house"))
    at = made.index(b"eXIf") + 4
    assert texts_of(made[:at] + bytes(40) + made[at + 40 :]) == {}

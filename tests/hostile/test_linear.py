"""Parsers of foreign text take linear time, counted in lines of Python that run.

What a regular expression does inside one call is held by `test_patterns`.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from backend.contracts.errors import LoomError
from backend.contracts.settings import Txt2ImgSettings
from backend.models.text import prompt, prompt_schedule
from backend.recipes import metadata, png_text
from backend.recipes.a1111 import parse_parameters
from backend.resolve.lora_tags import loras_in
from backend.resolve.wildcards import has_wildcards

LENGTH = 20_000
MOST = 80
"""Lines a character; looking at each once for each other would be thousands."""

BITS = (
    " ", "\n", "\t \n", "(", ")", "()", "[", "]", "[a:", "[a|", "(a:1.0)", "((a:1.0)b:1.0)",
    "BREAK ", " BREAK", "\\", "\\(", ":", ": 1", "a:1.1)", "<lora:", "<lora:a:1>", "__", "__a",
    "__a__", "{", "|", ",", ", ,", '"', ': "', "a: b, ", "Steps: 1, ", "<", ">", "日", "e\u0301",
)  # fmt: skip


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python run; a refusal is an answer too."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except LoomError:
        pass
    finally:
        sys.settrace(before)
    return count


def lines_a_character(work: Callable[[str], object], bit: str) -> float:
    return lines_run(lambda: work(bit * (LENGTH // len(bit)))) / LENGTH


@pytest.mark.parametrize(
    "work",
    [
        prompt.parse,
        lambda text: prompt_schedule.at_steps(text, 3),
        lambda text: prompt.parse("(" * 3000 + text + ":1.0)" * 3000),
        parse_parameters,
        lambda text: parse_parameters(f"a\nSteps: 1, Sampler: Euler, Seed: 2, {text}"),
        loras_in,
        lambda text: has_wildcards(Txt2ImgSettings(prompt=text)),
    ],
    ids=["prompt", "schedule", "nested", "record", "record's last line", "loras", "wildcards"],
)
def test_each_character_takes_a_bounded_number_of_lines(
    work: Callable[[str], object],
) -> None:
    slow = {bit: lines for bit in BITS if (lines := lines_a_character(work, bit)) > MOST}
    assert not slow


def test_blanks_around_break_are_still_left_out() -> None:
    sections = prompt.parse("a \n BREAK\t b  BREAKBREAK BREAK ")
    assert [[run.text for run in section] for section in sections] == [
        ["a"],
        ["b  BREAKBREAK"],
        [],
    ]


def test_weights_of_nested_brackets_multiply() -> None:
    ((outer, inner, last),) = prompt.parse("(a(b:1.5)c:0.5)")
    assert [run.weight for run in (outer, inner, last)] == [0.5, 0.75, 0.5]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes) -> bytes:
    return b"".join([png_text.SIGNATURE, *chunks, chunk(b"IEND", b"")])


def test_a_record_of_8000_unknown_fields_is_read_once() -> None:
    def read(fields: int) -> None:
        values = {f"field {n}": n for n in range(fields)} | {"prompt": "a cat", "steps": 7}
        document = {"schema": 1, "mode": "txt2img", "settings": values}
        body = b"latent-loom\0" + json.dumps(document).encode()
        found = metadata.read(png(chunk(b"tEXt", body)))
        assert found.settings == {"prompt": "a cat", "steps": 7}
        assert any(f"{fields - 8} more entries" in note for note in found.notes)

    assert lines_run(lambda: read(8000)) < 1.25 * 8 * lines_run(lambda: read(1000))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_9000_packed_texts_are_not_all_unpacked(
    kind: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = zlib.compress(b"x" * (2 * png_text.MAX_TEXT_BYTES), 9)
    head = b"parameters\0\0" if kind == b"zTXt" else b"parameters\0\1\0\0\0"
    unpacked: list[int] = []
    real = png_text._unpack

    def counted(data: bytes, most_bytes: int) -> tuple[bytes | None, int]:
        text, size = real(data, most_bytes)
        unpacked.append(size)
        return text, size

    monkeypatch.setattr(png_text, "_unpack", counted)
    file = png(*[chunk(kind, head + damaged)] * 9000)
    assert png_text.read_texts(io.BytesIO(file), frozenset({"parameters"})) == {}
    assert sum(unpacked) <= png_text.MAX_UNPACKED_BYTES


def test_a_text_that_is_there_is_not_unpacked_again() -> None:
    texts = [chunk(b"zTXt", b"parameters\0\0" + zlib.compress(text)) for text in (b"one", b"two")]
    found = png_text.read_texts(io.BytesIO(png(*texts)), frozenset({"parameters"}))
    assert found == {"parameters": "one"}

"""Headers of GGUF files: shapes, and files that are something else, cut short or lying."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf
import numpy as np
import pytest

from backend.contracts.errors import ModelProblem
from backend.models.catalog.gguf_header import PACKINGS, gguf_shapes, is_gguf_name, read_packed

Q8 = gguf.GGMLQuantizationType.Q8_0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.gguf"
    writer = gguf.GGUFWriter(path, "flux")
    writer.add_array("words", ["one", "two"])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("comfy.gguf.orig_shape.folded", [4, 8, 4])
    writer.add_tensor("plain", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("packed", gguf.quantize(np.ones((3, 64), np.float32), Q8), raw_dtype=Q8)
    writer.add_tensor("folded", np.zeros((2, 64), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def header(tensors: int = 0, notes: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, notes)


def test_every_packing_is_as_long_as_the_package_says() -> None:
    for number, (title, block, nbytes) in PACKINGS.items():
        kind = gguf.GGMLQuantizationType[title]
        assert int(kind) == number
        assert gguf.GGML_QUANT_SIZES[kind] == (block, nbytes)


def test_shapes_are_read_without_weights(file: Path) -> None:
    assert gguf_shapes(file) == {"plain": (2, 3), "packed": (3, 64), "folded": (4, 8, 4)}
    found = read_packed(file)
    assert PACKINGS[found["packed"].packing][0] == "Q8_0"
    assert (found["plain"].nbytes, found["packed"].nbytes) == (24, 3 * 2 * 34)
    start = found["plain"].start
    content = file.read_bytes()[start : start + 24]
    assert np.frombuffer(content, np.float32).tolist() == [0, 1, 2, 3, 4, 5]


def test_the_name_says_so_in_any_case() -> None:
    assert is_gguf_name(Path("a.GGUF"))
    assert not is_gguf_name(Path("a.safetensors"))


def test_a_file_that_was_cut_is_damaged_wherever_it_was_cut(file: Path) -> None:
    content = file.read_bytes()
    for length in (*range(4, 600, 7), len(content) - 100):
        file.write_bytes(content[:length])
        with pytest.raises(ModelProblem, match=r"damaged|cut short"):
            read_packed(file)


def test_another_file_under_that_name_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"GG", b"PK\x03\x04", b"\x80\x04." * 50):
        (tmp_path / "a.gguf").write_bytes(content)
        with pytest.raises(ModelProblem, match="not a GGUF file"):
            read_packed(tmp_path / "a.gguf")
    with pytest.raises(ModelProblem, match="cannot be read"):
        read_packed(tmp_path / "none.gguf")


MOST = 2**64 - 1
LIES = {
    "tensors": header(tensors=MOST),
    "notes": header(notes=MOST),
    "a long key": header(notes=1) + struct.pack("<Q", MOST),
    "a long text": header(notes=1) + text(b"a") + struct.pack("<IQ", 8, MOST),
    "a long list": header(notes=1) + text(b"a") + struct.pack("<IIQ", 9, 4, MOST),
    "a long list of texts": header(notes=1) + text(b"a") + struct.pack("<IIQ", 9, 8, MOST),
    "a list of lists": header(notes=1) + text(b"a") + struct.pack("<IIQ", 9, 9, 1),
    "a note of no kind": header(notes=1) + text(b"a") + struct.pack("<I", 99),
    "no alignment": header(notes=1) + text(b"general.alignment") + struct.pack("<II", 4, 0),
    "extents": header(tensors=1) + text(b"x") + struct.pack("<I", MOST >> 32),
    "a huge tensor": header(tensors=1) + text(b"x") + struct.pack("<IQQIQ", 2, 2**40, 2**40, 0, 0),
    "half a block": header(tensors=1) + text(b"x") + struct.pack("<IQIQ", 1, 48, 8, 0),
    "a name that is no text": header(tensors=1)
    + text(b"\xff\xfe")
    + struct.pack("<IQIQ", 1, 1, 0, 0),
    "one tensor twice": header(tensors=2) + (text(b"x") + struct.pack("<IQIQ", 1, 1, 0, 0)) * 2,
}


@pytest.mark.parametrize("lie", LIES)
def test_what_lies_is_damaged_and_takes_no_memory(tmp_path: Path, lie: str) -> None:
    (tmp_path / "a.gguf").write_bytes(LIES[lie] + bytes(200))
    with pytest.raises(ModelProblem, match="damaged or cut short"):
        read_packed(tmp_path / "a.gguf")


def test_other_versions_and_packings_are_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(header(version=1) + bytes(100))
    with pytest.raises(ModelProblem, match="of version 1"):
        read_packed(path)
    path.write_bytes(header(tensors=1) + text(b"x") + struct.pack("<IQIQ", 1, 256, 16, 0))
    with pytest.raises(ModelProblem, match=r"packs 'x' .*number 16.* Q4_K"):
        read_packed(path)

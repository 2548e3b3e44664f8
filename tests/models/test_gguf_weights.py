"""Weights of GGUF files, held against diffusers' own way of unpacking them."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from diffusers.quantizers.gguf.utils import GGUFParameter, dequantize_gguf_tensor

from backend.models import gguf_weights
from backend.models.catalog.gguf_header import PACKINGS
from backend.models.gguf_weights import load_gguf

ROWS, COLUMNS = 3, 512


def write(path: Path, title: str) -> np.ndarray:
    """A tensor `x` of ordinary blocks; K blocks, which the package cannot pack, at random."""
    kind = gguf.GGMLQuantizationType[title]
    rng = np.random.default_rng(0)
    try:
        packed = gguf.quantize(rng.standard_normal((ROWS, COLUMNS), dtype=np.float32), kind)
    except NotImplementedError:
        _, block, nbytes = PACKINGS[int(kind)]
        packed = rng.integers(256, size=(ROWS, COLUMNS // block, nbytes), dtype=np.uint8)
        scale = np.frombuffer(np.float16([0.01]).tobytes(), np.uint8)
        for place in {"Q2_K": (80, 82), "Q3_K": (108,), "Q6_K": (208,)}.get(title, (0, 2)):
            packed[..., place : place + 2] = scale
        packed = packed.reshape(ROWS, -1)
    writer = gguf.GGUFWriter(path, "flux")
    writer.add_tensor("x", packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return packed


@pytest.mark.parametrize("title", [title for title, _, _ in PACKINGS.values()])
def test_the_numbers_are_diffusers_own(tmp_path: Path, title: str) -> None:
    packed = write(tmp_path / "a.gguf", title)
    ours = load_gguf(tmp_path / "a.gguf", torch.float32)["x"]
    assert ours.shape == (ROWS, COLUMNS)
    assert ours.abs().max() > 0.1
    kind = gguf.GGMLQuantizationType[title]
    theirs = torch.from_numpy(packed)
    if title not in ("F32", "F16"):
        theirs = dequantize_gguf_tensor(GGUFParameter(theirs, quant_type=kind))
    # They round scales to half precision on the way; ours are float32.
    torch.testing.assert_close(ours, theirs.float(), rtol=2e-3, atol=2e-3)


def test_a_large_tensor_is_unpacked_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.gguf", "Q4_0")
    whole = load_gguf(tmp_path / "a.gguf", torch.bfloat16)["x"]
    monkeypatch.setattr(gguf_weights, "ROWS_BYTES", 5 * 18)
    assert torch.equal(load_gguf(tmp_path / "a.gguf", torch.bfloat16)["x"], whole)
    assert whole.dtype == torch.bfloat16

"""Both kinds of files through one door."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

from backend.models.catalog.tensor_files import holds_tensors, shapes_in


def test_shapes_are_those_of_the_file_whatever_its_kind(tmp_path: Path) -> None:
    tensor = np.zeros((2, 3), np.float32)
    save_file({"x": tensor}, tmp_path / "a.safetensors")
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "flux")
    writer.add_tensor("x", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for name in ("a.safetensors", "a.gguf"):
        assert holds_tensors(tmp_path / name)
        assert shapes_in(tmp_path / name) == {"x": (2, 3)}
    assert not holds_tensors(tmp_path / "a.ckpt")

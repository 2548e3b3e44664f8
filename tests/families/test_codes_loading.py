"""Loading a VQ model, its priors and its other decoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backend.contracts.errors import ModelProblem
from backend.models.codes.network import CodesNetwork
from tests.staged import loaded
from tests.tiny_codes import tiny_codes


def test_all_parts_are_in_memory(tmp_path: Path) -> None:
    tiny_codes(tmp_path / "checkpoints" / "codes")
    model = loaded(tmp_path, "codes")
    network = model.network
    assert isinstance(network, CodesNetwork)
    assert set(network.priors) == {"transformer", "pixelcnn"}
    assert model.codec is network.decoders["vqvae"]
    assert set(model.parts) == {"text encoder", "vqvae", "transformer", "pixelcnn", "vqgan"}
    assert model.text.encode(["a red house"]).context.shape[0] == 1
    assert model.latent_rgb(torch.zeros(1, 4, 2, 2)).shape[:2] == (1, 3)


def test_without_priors_there_is_nothing_that_reads(tmp_path: Path) -> None:
    tiny_codes(tmp_path / "checkpoints" / "bare", priors=(), sharper=False)
    model = loaded(tmp_path, "bare")
    assert set(model.parts) == {"vqvae"}
    assert model.text.count_tokens("a red house") == (0, 1)


def test_a_file_that_lacks_a_part_is_named(tmp_path: Path) -> None:
    folder = tiny_codes(tmp_path / "checkpoints" / "codes")
    (folder / "tokenizer" / "tokenizer.json").write_text("{")
    with pytest.raises(ModelProblem, match="tokenizer"):
        loaded(tmp_path, "codes")

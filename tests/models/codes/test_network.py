"""What draws codes denoises nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from diffusers import VQModel

from backend.contracts.errors import BadInput
from backend.models.codes.codec import CodesCodec
from backend.models.codes.network import CodesNetwork
from tests.tiny_codes import tiny_codes


def test_its_parts_are_named_and_it_is_no_denoiser(tmp_path: Path) -> None:
    folder = tiny_codes(tmp_path / "one", priors=())
    own, other = (CodesCodec(VQModel.from_pretrained(at)) for at in (folder, folder / "vqgan"))
    network = CodesNetwork({}, {"vqvae": own, "vqgan": other})
    assert network.in_channels == 4
    assert set(network.modules) == {"vqgan"}
    assert network.model is own.model
    with pytest.raises(BadInput, match="cell by cell"):
        network.denoiser([])

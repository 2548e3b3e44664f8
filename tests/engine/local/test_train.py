"""The command that fits a LoRA to a folder of pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.engine.local.train import main
from backend.models.lora.file import read
from tests.tiny import tiny_checkpoint


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_checkpoint(tmp_path / "models" / "checkpoints" / "tiny")
    data = tmp_path / "data"
    data.mkdir()
    chance = np.random.default_rng(0)
    for number in range(2):
        pixels = chance.integers(0, 255, (80, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(data / f"{number}.png")
    config = {
        "model": "tiny",
        "models": [str(tmp_path / "models")],
        "data": str(data),
        "caption": "a boat, ink",
        "output": str(tmp_path / "out.safetensors"),
        "epochs": 2,
        "device": "cpu",
        "dtype": "float32",
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert main([str(path)]) == 0
    assert "step 4/4" in capsys.readouterr().out
    assert read(tmp_path / "out.safetensors").info.rank == 8
    for changes, says in (
        ({"epoch": 2}, "'epoch'"),
        ({"model": "none"}, "no model 'none'"),
        ({"data": str(tmp_path / "nowhere")}, "does not exist"),
    ):
        path.write_text(json.dumps(config | changes))
        assert main([str(path)]) == 1
        assert says in capsys.readouterr().err
    assert main([]) == 2

"""What the training of codes writes is a folder that the studio reads and diffusers opens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import VQModel
from transformers import CLIPTextModel

from backend.models.codes.network import CodesNetwork
from tests.staged import loaded
from tests.tiny import _text_config, tiny_tokenizer
from tests.toyworld.test_codes_priors import SIZES
from toyworld.codes import export, note, told
from toyworld.codes_priors import PriorRecipe, new_prior
from toyworld.codes_score import decoders, drawn, reconstructions
from toyworld.codes_vq import Recipe, new_model


def reading(folder: Path) -> Path:
    tokenizer = tiny_tokenizer()
    CLIPTextModel(_text_config(tokenizer)).save_pretrained(folder / "text_encoder")
    tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "card.json").write_text(json.dumps({"known_words": {"colours": ["red"]}}))
    return folder


def test_the_folder_is_read(tmp_path: Path) -> None:
    recipe = Recipe(channels=(8, 8, 8, 8), latent=4, width=4)
    model = new_model(recipe).eval()
    priors = {
        name: new_prior(PriorRecipe(name=name, sizes=sizes), 32) for name, sizes in SIZES.items()
    }
    folder = tmp_path / "models" / "checkpoints" / "pocket-codes"
    folder.parent.mkdir(parents=True)
    note(tmp_path, "vqvae", 7, 3.2)
    export(folder, model, priors, model, reading(tmp_path / "pocket"), told(tmp_path))
    assert "vqvae: 7 steps" in (folder / "README.md").read_text()
    assert "_name_or_path" not in (folder / "transformer" / "config.json").read_text()
    opened = VQModel.from_pretrained(folder, torch_dtype=torch.float32)
    assert opened.config["num_vq_embeddings"] == 512
    checkpoint = loaded(tmp_path / "models", "pocket-codes")
    assert isinstance(checkpoint.network, CodesNetwork)
    assert set(checkpoint.network.priors) == set(SIZES)
    assert checkpoint.native_size == (128, 128)
    assert set(decoders(folder)) == {"VQ-VAE", "VQGAN"}
    table = reconstructions(folder, 2)
    assert "of 512 codes in use" in table
    assert table.count("| VQ") == 2
    made = drawn(folder, "pixelcnn", ["a red house"])
    assert made.shape == (1, 128, 128, 3)
    assert made.dtype == np.uint8

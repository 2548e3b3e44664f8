"""SDXL folders: what is accepted, what is refused with a sentence, precision, size conditioning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.contracts.errors import BadInput, ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.lora.file import inspect
from backend.models.lora.fit import LoraFits
from backend.models.memory.devices import pick
from tests import lora_files as files
from tests.tiny import tiny_checkpoint, tiny_sdxl


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_sdxl(root / "checkpoints" / "xl", sample_size=16)
    return root


@pytest.fixture(scope="module")
def model(root: Path) -> Checkpoint:
    return FAMILIES.load(Catalog([root], FAMILIES).checkpoint("xl"), pick("cpu", "float32"))


def changed(folder: Path, file: str, **values: Any) -> Path:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder


def test_the_catalog_lists_it(root: Path) -> None:
    info = Catalog([root], FAMILIES).checkpoint("xl")
    assert info.native_size == (128, 128)
    assert info.bytes > sum(path.stat().st_size for path in info.weights)


@pytest.mark.parametrize(("upcast", "expected"), [(True, torch.float32), (False, torch.bfloat16)])
def test_the_autoencoder_is_float32_where_its_config_says_so(
    tmp_path: Path, upcast: bool, expected: torch.dtype
) -> None:
    folder = tiny_sdxl(tmp_path / "checkpoints" / "xl", force_upcast=upcast)
    info = Catalog([tmp_path], FAMILIES).checkpoint(folder.name)
    model = FAMILIES.load(info, pick("cpu", "bfloat16"))
    assert model.codec.model.dtype == expected
    assert {module.dtype for module in model.text.modules.values()} == {torch.bfloat16}  # type: ignore[union-attr]
    assert model.network.model.dtype == torch.bfloat16
    assert model.codec.decode(torch.randn(1, 4, 8, 8)).shape == (1, 64, 64, 3)


def test_the_unet_is_told_the_size_that_is_drawn(model: Checkpoint) -> None:
    pooled = model.text.encode(["a fish", "a cat"]).pooled
    added = model.network.added(pooled, torch.zeros(2, 4, 8, 12))
    assert added is not None
    assert added["time_ids"].tolist() == [[64, 96, 0, 0, 64, 96]] * 2
    assert torch.equal(added["text_embeds"], pooled)
    with pytest.raises(ValueError, match="pooled"):
        model.network.added(None, torch.zeros(2, 4, 8, 12))


def test_the_pooled_prompt_is_that_of_the_first_chunk_without_weights(model: Checkpoint) -> None:
    plain = model.text.encode(["a red house"]).pooled
    for prompt in ("a (red:1.5) house", "a red house BREAK a boat"):
        assert torch.equal(model.text.encode([prompt]).pooled, plain)  # type: ignore[arg-type]
    assert not torch.equal(model.text.encode(["a boat"]).pooled, plain)  # type: ignore[arg-type]


def test_the_zeros_of_no_negative_prompt_fill_every_chunk(model: Checkpoint) -> None:
    nothing = model.text.unconditional("")
    assert not nothing.padded(154).context.any()
    assert not nothing.pooled.any()  # type: ignore[union-attr]
    assert model.text.unconditional("blue").context.any()


def test_clip_skip_beyond_the_layers_is_refused(model: Checkpoint) -> None:
    with pytest.raises(BadInput, match="clip skip from 1 to 2"):
        model.text.encode(["a"], clip_skip=3)


def test_bytes_count_both_text_encoders(model: Checkpoint) -> None:
    second = sum(p.nbytes for p in model.text.modules["text_encoder_2"].parameters())
    unet_and_vae = sum(
        p.nbytes for part in (model.network.model, model.codec.model) for p in part.parameters()
    )
    assert model.nbytes > unet_and_vae + second


@pytest.mark.parametrize(
    ("file", "values", "sentence"),
    [
        ("unet/config.json", {"projection_class_embeddings_input_dim": 5 * 8 + 16}, "refiner"),
        ("unet/config.json", {"addition_embed_type": None}, "conditioned on other things"),
        ("model_index.json", {"text_encoder": [None, None]}, "None.*text_encoder"),
        ("model_index.json", {"text_encoder_2": ["os", "system"]}, "not one of the classes"),
        ("model_index.json", {"_class_name": "StableDiffusionXLImg2ImgPipeline"}, "supported"),
        ("model_index.json", {"_class_name": "StableDiffusionPipeline"}, "not one of the classes"),
    ],
)
def test_what_cannot_run_is_refused(
    tmp_path: Path, file: str, values: dict[str, Any], sentence: str
) -> None:
    folder = changed(tiny_sdxl(tmp_path / "xl"), file, **values)
    with pytest.raises(ModelProblem, match=sentence):
        FAMILIES.recognise(folder, Card())


def test_a_missing_second_encoder_is_named(tmp_path: Path) -> None:
    folder = tiny_sdxl(tmp_path / "xl")
    (folder / "text_encoder_2" / "model.safetensors").unlink()
    with pytest.raises(ModelProblem, match=r"text_encoder_2/model\.safetensors is missing"):
        FAMILIES.recognise(folder, Card())


def test_loras_are_held_against_both_text_encoders(
    root: Path, model: Checkpoint, tmp_path: Path
) -> None:
    tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    parts = {"unet": model.network.model, **model.text.modules}
    factors = files.random_factors(parts, ("attn2.to_k", "q_proj"), seed=1)
    lora = inspect(files.write(tmp_path / "l.safetensors", files.diffusers_keys(factors)))
    assert {"text_encoder", "text_encoder_2"} < lora.parts
    fits = LoraFits(FAMILIES)
    assert fits.problem(lora, Catalog([root], FAMILIES).checkpoint("xl")) is None
    assert fits.problem(lora, Catalog([tmp_path], FAMILIES).checkpoint("tiny")) is not None

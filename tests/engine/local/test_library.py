"""What there is to choose from, as headers and configs alone tell it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.engine.local.library import embeddings_of, first_look, models_of, vaes_of
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.sampling.samplers import ENTRIES
from tests.tiny import tiny_checkpoint, tiny_sdxl

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    card = {
        "title": "Tiny of All",
        "guidance_scale": 4.0,
        "example_prompts": ["a fish"],
        "known_words": ["fish"],
        "default": True,
        "version": "Tiny 1",
    }
    tiny_checkpoint(root / "checkpoints" / "tiny", card=card)
    tiny_sdxl(root / "checkpoints" / "xl")
    (root / "checkpoints" / "broken").mkdir()
    (root / "checkpoints" / "broken" / "model_index.json").write_text("{")
    folder = root / "embeddings"
    folder.mkdir()
    save_file({"emb_params": torch.ones(3, 32)}, folder / "calm.safetensors")
    save_file({"emb_params": torch.ones(2, 768)}, folder / "wide.safetensors")
    pair = {"clip_l": torch.ones(2, 32), "clip_g": torch.ones(2, 32)}
    save_file(pair, folder / "both.safetensors")
    save_file({"a": torch.ones(1, 32), "b": torch.ones(1, 32)}, folder / "odd.safetensors")
    return root


@pytest.fixture(scope="module")
def catalog(root: Path) -> Catalog:
    return Catalog([root], FAMILIES)


def test_a_model_is_told_with_its_card(catalog: Catalog) -> None:
    tiny = {entry.name: entry for entry in models_of(catalog)}["tiny"]
    assert (tiny.title, tiny.guidance_scale, tiny.version) == ("Tiny of All", 4.0, "Tiny 1")
    assert (tiny.example_prompts, tiny.known_words, tiny.default) == (("a fish",), ("fish",), True)
    assert (tiny.family, tiny.native_size, tiny.problem) == ("sd", (64, 64), None)
    assert tiny.bytes == catalog.checkpoint("tiny").bytes > 0
    assert (tiny.can, tiny.sizes) == (
        catalog.checkpoint("tiny").anatomy.can,
        catalog.checkpoint("tiny").anatomy.sizes,
    )


def test_one_without_a_card_is_called_by_its_name(catalog: Catalog) -> None:
    models = {entry.name: entry for entry in models_of(catalog)}
    assert (models["xl"].title, models["xl"].default) == ("xl", False)
    assert models["broken"].problem is not None


def test_an_embedding_names_the_models_of_its_widths(catalog: Catalog) -> None:
    found = {entry.name: entry for entry in embeddings_of(catalog)}
    assert {name: entry.fits for name, entry in found.items()} == {
        "calm": ("tiny",),
        "both": ("xl",),
        "wide": (),
        "odd": (),
    }
    assert (found["calm"].vectors, found["wide"].family) == (3, "sd1")
    assert found["odd"].problem is not None
    assert found["odd"].vectors == 0


def test_the_first_look_is_the_library_but_for_what_needs_more(root: Path) -> None:
    library = first_look([root, root / "missing"])
    assert [entry.name for entry in library.models] == ["broken", "tiny", "xl"]
    assert library.samplers is ENTRIES
    assert len(library.embeddings) == 4
    assert library.vaes == vaes_of(Catalog([root], FAMILIES)) == ()
    assert library.loras == ()


def test_it_needs_no_torch(root: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from backend.engine.local.library import first_look\n"
        f"assert len(first_look([Path({str(root)!r})]).models) == 3\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

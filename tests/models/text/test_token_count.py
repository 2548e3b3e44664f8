"""The counter under the prompt says what the text encoder will be given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.contracts.events import TokenCount
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.text.token_count import TokenCounter
from tests.original import original_checkpoint

PROMPTS = [
    "",
    "a red house",
    "a (red:1.2) [house]",
    "cat " * 76,
    "a BREAK b",
    "BREAK a",
    "über (alles",
    "x" * 400,
]


@pytest.fixture(scope="module")
def tiny(root: Path) -> ModelInfo:
    return Catalog([root], FAMILIES).checkpoint("tiny-eps")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_it_counts_what_the_encoder_is_given(tiny: ModelInfo, eps: Checkpoint, prompt: str) -> None:
    count = TokenCounter(FAMILIES).count(tiny, prompt)
    assert count is not None
    assert (sum(count.chunks), len(count.chunks)) == eps.text.count_tokens(prompt)
    assert count.size == 75
    assert max(count.chunks) <= 75


def test_what_never_reaches_the_tokenizer_does_not_count(tiny: ModelInfo) -> None:
    counter = TokenCounter(FAMILIES)
    plain = counter.count(tiny, "a red house")
    assert counter.count(tiny, "a (red:1.2) house <lora:ink:0.8>") == plain
    # Of words that change on the way, the longest that is ever said.
    assert counter.count(tiny, "[a red house:a fish:0.5]") == plain
    assert counter.count(tiny, "a [red house::4]") == plain
    # Of parts side by side, the longest; their weights are no words.
    assert counter.count(tiny, "a fish :0.5 AND a red house :1.2") == plain


def test_a_single_file_is_counted_in_clips_tokens(tmp_path: Path) -> None:
    path = original_checkpoint(tmp_path / "checkpoints" / "one.safetensors", "sd1")
    info = Catalog([tmp_path], FAMILIES).checkpoint(path.stem)
    # Counted by OpenAI's own tokenizer: a, photo, of, a, cat; uppercase is folded.
    assert TokenCounter(FAMILIES).count(info, "a photo of a CAT") == TokenCount((5,), 75)
    assert TokenCounter(FAMILIES).count(info, "cat " * 80 + "BREAK fish") == TokenCount(
        (75, 5, 1), 75
    )


def test_a_damaged_tokenizer_is_unknown_until_it_is_repaired(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "tiny"
    shutil.copytree(root / "checkpoints" / "tiny-eps", folder)
    info = Catalog([tmp_path], FAMILIES).checkpoint("tiny")
    shutil.move(folder / "tokenizer", folder / "away")
    counter = TokenCounter(FAMILIES)
    assert counter.count(info, "a red house") is None
    shutil.move(folder / "away", folder / "tokenizer")
    assert counter.count(info, "a red house") == TokenCount((3,), 75)
    assert counter.count(info, "(a:1000)") is None

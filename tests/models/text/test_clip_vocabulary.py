"""CLIP's vocabulary as the package beside carries it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.contracts.errors import ModelProblem
from backend.models.text import clip_vocabulary
from backend.models.text.clip_vocabulary import BOS, EOS, MERGES, PAD, clip_tokenizer


@pytest.fixture
def unread() -> Iterator[None]:
    clip_vocabulary._vocabulary.cache_clear()
    yield
    clip_vocabulary._vocabulary.cache_clear()


def test_it_has_the_released_order() -> None:
    vocabulary, merges = clip_vocabulary._vocabulary()
    assert len(vocabulary) == 49408
    assert len(merges) == MERGES
    # From the released vocab.json.
    released = {"!": 0, "a</w>": 320, "photo</w>": 1125, "cat</w>": 2368, BOS: 49406, EOS: 49407}
    assert {word: vocabulary[word] for word in released} == released
    assert merges[0] == ("i", "n")
    assert vocabulary["in"] == 512  # the first merge follows the bytes, alone and at a word's end


def test_any_text_is_read_and_case_does_not_matter() -> None:
    tokenizer = clip_tokenizer()
    for text in ("böat 🐟", "  two\tspaces ", "<|endoftext|>"):
        assert tokenizer(text).input_ids[0] == 49406
    assert tokenizer("A CAT").input_ids == tokenizer("a cat").input_ids == [49406, 320, 2368, 49407]


@pytest.mark.parametrize(("kind", "fills"), [("sd1", 49407), ("sd2", 0), ("sdxl", 49407)])
def test_a_chunk_is_filled_up_as_its_encoder_learned_it(kind: str, fills: int) -> None:
    tokenizer = clip_tokenizer(PAD[kind])
    ids = tokenizer("cat", padding="max_length", max_length=77).input_ids
    assert len(ids) == tokenizer.model_max_length == 77
    assert ids[:3] == [49406, 2368, 49407]
    assert set(ids[3:]) == {fills}


@pytest.mark.parametrize("origin", [None, "/nowhere/open_clip/__init__.py"])
def test_a_package_without_the_file_is_as_good_as_none(
    unread: None, monkeypatch: pytest.MonkeyPatch, origin: str | None
) -> None:
    found = SimpleNamespace(origin=origin)
    monkeypatch.setattr(clip_vocabulary, "find_spec", lambda name: found)
    with pytest.raises(ModelProblem, match=r"needs CLIP's vocabulary, .* pip install open_clip"):
        clip_tokenizer()


def test_a_tokenizer_is_its_own(tmp_path: Path) -> None:
    first, second = clip_tokenizer(), clip_tokenizer()
    first.add_tokens(["<mine>"])
    assert len(second) == 49408
    assert len(first) == 49409

"""The text side: a byte-level BPE learned on captions, and a small CLIP text encoder."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from toyworld.captions import caption
from toyworld.dataset import scene_of

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77


def corpus(count: int = 6000, seed: int = 7) -> list[str]:
    """Captions to learn the vocabulary on."""
    rng = np.random.default_rng(seed)
    return [caption(scene_of(seed, i), rng) for i in range(count)]


def learn_merges(texts: list[str], limit: int) -> list[tuple[str, str]]:
    """Byte-pair merges of whole words, the most frequent first (Sennrich et al., 1508.07909).

    CLIP's flavour: words are split at spaces and punctuation, and a word's last symbol ends
    in `</w>`. Learning stops at `limit` merges or when no pair occurs twice.
    """
    words: Counter[str] = Counter()
    for text in texts:
        words.update(text.lower().replace(",", " , ").split())
    spelled = {(*tuple(w[:-1]), w[-1] + "</w>"): n for w, n in sorted(words.items())}
    merges: list[tuple[str, str]] = []
    while len(merges) < limit:
        pairs: Counter[tuple[str, str]] = Counter()
        for symbols, n in spelled.items():
            for pair in itertools.pairwise(symbols):
                pairs[pair] += n
        if not pairs:
            break
        best = max(sorted(pairs), key=lambda pair: pairs[pair])
        if pairs[best] < 2:
            break
        merges.append(best)
        spelled = {_merge(symbols, best): n for symbols, n in spelled.items()}
    return merges


def _merge(symbols: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    merged: list[str] = []
    i = 0
    while i < len(symbols):
        if symbols[i : i + 2] == pair:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return tuple(merged)


def write_tokenizer(folder: Path, merge_limit: int = 1000) -> CLIPTokenizer:
    """Learn a tokenizer, write it to a folder, and load it from there as users will.

    All 256 bytes are in the vocabulary with and without the word end, so no text is unknown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    merges = learn_merges(corpus(), merge_limit)
    letters = sorted(ByteLevel.alphabet())
    symbols = letters + [letter + "</w>" for letter in letters] + ["".join(m) for m in merges]
    vocabulary = {s: i for i, s in enumerate(dict.fromkeys([*symbols, START, END]))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(m) for m in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokenizer = CLIPTokenizer(
        vocab=vocabulary, merges=merges, unk_token=END, bos_token=START, eos_token=END,
        pad_token=END, model_max_length=LENGTH,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder)


def new_text_encoder(tokenizer: CLIPTokenizer, width: int = 192, layers: int = 4) -> CLIPTextModel:
    """An untrained CLIP text encoder that pools at the tokenizer's end token."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def tokenize(tokenizer: CLIPTokenizer, texts: list[str]) -> np.ndarray:
    """(B, 77) token ids, cut and padded."""
    batch = tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True)
    return np.asarray(batch["input_ids"], dtype=np.int64)

"""CLIP's vocabulary, for checkpoints that come without a tokenizer.

Every SD and SDXL model was trained with the same byte-pair vocabulary of 49,408 entries (Radford et
al. 2021). Single files do not carry it; the package open_clip_torch (MIT) does, so that no network
is needed.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokenizers import pre_tokenizers
from transformers import CLIPTokenizer

from backend.contracts.errors import ModelProblem

FILE = "bpe_simple_vocab_16e6.txt.gz"
MERGES = 49152 - 256 - 2  # what is left of 49,152 entries after the bytes and two markers
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
# What fills up a chunk: OpenAI's encoder learned the end marker there, OpenCLIP's entry 0.
PAD = {"sd1": EOS, "sd2": "!", "sdxl": EOS}  # SDXL's second encoder is OpenCLIP's, as sd2


def clip_tokenizer(pad: str = EOS) -> CLIPTokenizer:
    """CLIP's tokenizer, 77 positions.

    Args:
        pad: Fills up a chunk, see `PAD`.

    Raises:
        ModelProblem: The package with the vocabulary is not installed.
    """
    vocabulary, merges = _vocabulary()
    return CLIPTokenizer(
        vocab=dict(vocabulary), merges=list(merges), model_max_length=77, pad_token=pad
    )


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[dict[str, int], list[Any]]:
    # Merges are pairs, as the tokenizer takes them, though its type hint knows only texts.
    spec = find_spec("open_clip")  # found, not imported: importing it takes seconds
    if spec is None or spec.origin is None or not (Path(spec.origin).parent / FILE).is_file():
        raise ModelProblem(
            "A checkpoint in a single file needs CLIP's vocabulary, which is missing here: "
            "pip install open_clip_torch."
        )
    with gzip.open(Path(spec.origin).parent / FILE, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")
    pairs = [tuple(line.split()) for line in lines[1 : MERGES + 1]]
    merges = [(first, second) for first, second in pairs]
    # The bytes come in CLIP's order: those that print, in the order of their codes, then the
    # rest under the letters from U+0100 on. Sorting the letters gives just that.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [
        *alphabet,
        *(letter + "</w>" for letter in alphabet),
        *(first + second for first, second in merges),
        BOS,
        EOS,
    ]
    return {word: index for index, word in enumerate(words)}, merges


def most_tokens(tokenizer: CLIPTokenizer) -> int:
    """What the tokenizer says that a model takes at once, markers included."""
    untyped: Any = tokenizer
    return int(untyped.model_max_length)

"""What the Words panel asks for: a prompt's tokens, and where a run looks at each of its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from backend.contracts.fields import says
from backend.contracts.lab.base import LabSettings

MOST_ALIKE = 40  # tokens that are compared with each other
MOST_WORDS = 24  # whose maps are kept


class WordsSettings(LabSettings):
    """The tokens of the prompt, and how alike their embeddings are."""

    mode: ClassVar[str] = "lab_words"
    needs: ClassVar[tuple[str, ...]] = ("prompt",)


class AttentionSettings(LabSettings):
    """A run that is looked at: where it looks at each word, step by step."""

    mode: ClassVar[str] = "lab_attention"
    needs: ClassVar[tuple[str, ...]] = ("prompt", "from_noise")

    steps: int = Field(20, ge=1, le=60, json_schema_extra=says("levels"))


@dataclass(frozen=True)
class ReadToken:
    """One token.

    Attributes:
        id: In the vocabulary.
        text: As it is spelt.
        chunk: Which of the prompt's chunks it is in, from 0.
        weight: Of the attention syntax.
        ends: Whether a word ends with it.
        learned: Whether a textual inversion stands in its place.
    """

    id: int
    text: str
    chunk: int
    weight: float
    ends: bool
    learned: bool


@dataclass(frozen=True)
class Read:
    """A prompt as it is read.

    Attributes:
        tokens: In their order.
        chunk_tokens: How many one chunk holds.
        chunks: How many it fills.
        alike: Texts of the tokens that are compared, each once.
        likeness: For each of these the cosine with each, -1..1.
    """

    tokens: tuple[ReadToken, ...]
    chunk_tokens: int
    chunks: int
    alike: tuple[str, ...]
    likeness: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Attended:
    """Where a run looked.

    Attributes:
        words: In their order; the view "word-N" of the picture has the maps of all steps, side by
            side.
        shares: For each word, how much of all looking it has in each step.
        steps: Of the run.
        size: (width, height) of one map.
    """

    words: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]
    steps: int
    size: tuple[int, int]

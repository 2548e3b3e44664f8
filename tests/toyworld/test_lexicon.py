"""The text encoder learns what captions say before pictures come into play."""

import pytest
import torch

from toyworld.lexicon import NAMES, Reader, learn_captions
from toyworld.scene import Scene, Subject
from toyworld.text import new_text_encoder, write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"), merge_limit=100)


def test_reading_captions_is_learned_and_kept(tokenizer, tmp_path):
    torch.manual_seed(0)
    text = new_text_encoder(tokenizer, width=32, layers=1)
    lines: list[str] = []
    learn_captions(text, tokenizer, tmp_path / "words.pt", steps=100, batch=8, peak=5e-3,
                   report=lines.append)  # fmt: skip
    first, last = (float(line.rsplit(" ", 1)[1]) for line in lines)
    assert last < first
    again = new_text_encoder(tokenizer, width=32, layers=1)
    learn_captions(again, tokenizer, tmp_path / "words.pt", steps=0)
    for a, b in zip(text.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_right_reading_costs_less_than_a_wrong_one():
    reader = Reader(len(NAMES))
    scenes = [Scene((Subject("cat", "red"),), "sea", 0)]
    with torch.no_grad():
        for weights in (reader.names.weight, reader.names.bias):
            weights.zero_()
        reader.names.weight.copy_(20 * torch.eye(len(NAMES)))
        reader.names.bias.fill_(-10)
        right, wrong = (torch.zeros(1, len(NAMES)) for _ in range(2))
        right[0, NAMES.index("cat")] = 1.0
        wrong[0, NAMES.index("tree")] = 1.0
        assert reader.loss(right, scenes) < reader.loss(wrong, scenes)

"""The tokenizer accepts any text and knows the world's words; the text encoder pools at the end."""

import pytest
import torch

from toyworld.palette import COLOURS
from toyworld.subjects import SUBJECTS
from toyworld.text import LENGTH, learn_merges, new_text_encoder, tokenize, write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"), merge_limit=400)


@pytest.mark.parametrize(
    "text",
    [
        "a red house on grass",
        "ünïcode 漢字 🙂 !?",
        "snow, sea; (sand) [forest]: 0123",
        "",
        "\x00\x7f",
    ],
)
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer(text)["input_ids"]
    assert (ids[0], ids[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert tokenizer.eos_token_id not in ids[1:-1]
    back = tokenizer.decode(ids, skip_special_tokens=True)
    assert "".join(back.split()) == "".join(text.split())


def test_known_words_are_one_token(tmp_path):
    full = write_tokenizer(tmp_path)
    for word in (*SUBJECTS, *COLOURS):
        assert len(full(word)["input_ids"]) == 3, word


def test_ids_are_padded_and_cut(tokenizer):
    ids = tokenize(tokenizer, ["a cat", "tree " * 200])
    assert ids.shape == (2, LENGTH)
    assert ids[0, -1] == tokenizer.pad_token_id
    assert ids[1, -1] == tokenizer.eos_token_id


def test_merges_are_learned_from_frequent_pairs():
    assert learn_merges(["low low lower"], 2) == [("l", "o"), ("lo", "w</w>")]


def test_pooling_follows_the_end_token(tokenizer):
    torch.manual_seed(0)
    encoder = new_text_encoder(tokenizer, width=32, layers=1).eval()
    ids = torch.from_numpy(tokenize(tokenizer, ["a cat"]))
    made = encoder(ids)
    end = int((ids[0] == tokenizer.eos_token_id).nonzero()[0])
    assert torch.equal(made.pooler_output[0], made.last_hidden_state[0, end])

"""IF's parts in memory: who reads, what enlarges, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.contracts.errors import ModelProblem
from backend.models.enlarger import EnlargedPicture
from backend.models.text.lent import LentText
from backend.models.text.no_prompt import NoPrompt
from backend.models.text.t5 import T5Text
from tests.staged import loaded
from tests.tiny_pixels import edited, tiny_if, tiny_if_convolutions, tiny_if_larger


def test_each_stage_has_its_parts(tmp_path: Path) -> None:
    tiny_if(tmp_path / "checkpoints" / "if" / "one")
    tiny_if_larger(tmp_path / "checkpoints" / "if" / "two")
    one, two = loaded(tmp_path, "one"), loaded(tmp_path, "two")
    assert isinstance(one.text, T5Text)
    assert sorted(one.parts) == ["text encoder", "unet"]
    assert isinstance(two.text, LentText)
    assert list(two.parts) == ["unet"]
    assert isinstance(two.enlarger, EnlargedPicture)
    assert (two.enlarger.factor, two.latent_channels, two.vae_factor) == (2, 3, 1)
    assert (one.bounded, one.spread is not None) == (True, True)


def test_a_tokenizer_of_another_encoder_is_refused(tmp_path: Path) -> None:
    folder = tiny_if(tmp_path / "checkpoints" / "one")
    edited(folder / "text_encoder" / "config.json", vocab_size=50)
    with pytest.raises(ModelProblem):
        loaded(tmp_path, "one")
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(ModelProblem):
        loaded(tmp_path, "one")


def test_prompts_are_cleaned_for_t5_unless_the_card_says_no(tmp_path: Path) -> None:
    folder = tiny_if(tmp_path / "checkpoints" / "one")
    tiny_if(tmp_path / "checkpoints" / "clip", clip=True)
    prompt = "A house @anna"

    def read(name: str) -> str:
        text = loaded(tmp_path, name).text
        assert isinstance(text, T5Text)
        return text.read(prompt)

    assert read("one") == "a house"
    assert read("clip") == "a house @anna"
    (folder / "card.json").write_text('{"clean_caption": false}')
    assert read("one") == "a house @anna"


def test_convolutions_alone_hold_no_text_encoder(tmp_path: Path) -> None:
    tiny_if_convolutions(tmp_path / "checkpoints" / "plain")
    model = loaded(tmp_path, "plain")
    assert isinstance(model.text, NoPrompt)
    assert list(model.parts) == ["unet"]
    assert isinstance(model.enlarger, EnlargedPicture)

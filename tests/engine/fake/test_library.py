"""What the stand-in pretends to have agrees with itself."""

from __future__ import annotations

import pytest

from backend.contracts.errors import LoomError
from backend.engine.fake.library import FAILURES, library, native_px
from backend.sampling.samplers import ENTRIES

MODELS = ("pocket", "studio-xl")


def test_models_have_the_names_asked_for_and_the_size_of_their_kind() -> None:
    first, second = library(MODELS).models
    assert (first.name, first.title, first.native_size) == ("pocket", "Pocket", (256, 256))
    assert (second.name, second.title, second.native_size) == ("studio-xl", "Studio Xl", (512, 512))
    assert (first.guidance_scale, second.guidance_scale) == (4.0, 6.5)
    assert (native_px("pocket"), native_px("studio-xl")) == (256, 512)
    assert library(()).models == ()


def test_a_lora_with_a_problem_fits_no_model_and_says_why() -> None:
    loras = {lora.name: lora for lora in library(MODELS).loras}
    assert loras["pocket-ink"].misfits == {}
    assert loras["pocket-ink"].trigger_words == ("ink",)
    assert loras["grand-oil"].problem == "It was made for SDXL; this model is of another size."
    assert set(loras["grand-oil"].misfits) == set(MODELS)


def test_embeddings_fit_all_models_or_none() -> None:
    fits = {entry.name: entry.fits for entry in library(MODELS).embeddings}
    assert fits == {"bad-hands": MODELS, "inkwash": MODELS, "grand-calm": (), "cut-short": ()}


def test_samplers_are_the_real_ones() -> None:
    assert library(MODELS).samplers is ENTRIES


@pytest.mark.parametrize("word", FAILURES)
def test_failures_are_sentences_but_for_the_crash(word: str) -> None:
    failure = FAILURES[word]
    assert isinstance(failure, LoomError) is (word != "!crash")
    assert str(failure)

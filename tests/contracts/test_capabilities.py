"""What a model can do, and the sizes that it draws, as plain values."""

from __future__ import annotations

import pytest

from backend.contracts.capabilities import (
    Capabilities,
    Enlarging,
    GuidanceKind,
    SizeGrid,
    no_enlarger,
    sentence,
)


@pytest.mark.parametrize(
    ("side", "held"),
    [(64, True), (2048, True), (72, True), (56, False), (70, False), (2056, False)],
)
def test_a_grid_holds_multiples_within_its_range(side: int, held: bool) -> None:
    assert SizeGrid().holds(side) is held


@pytest.mark.parametrize(("kind", "able"), [("cfg", True), ("embedded", True), ("none", False)])
def test_guidance_is_lacking_only_where_there_is_no_scale(kind: GuidanceKind, able: bool) -> None:
    assert (sentence("guidance", Capabilities(guidance=kind), "sea") is None) is able


def test_a_sentence_names_the_model() -> None:
    said = sentence("lora", Capabilities(lora=False), "sea")
    assert said == "'sea' takes no LoRAs; choose another model, or leave them out."
    assert sentence("lora", Capabilities(), "sea") is None


def test_only_upscale_shows_a_model_a_small_picture():
    can = Capabilities(enlarges=Enlarging())
    assert no_enlarger("upscale", can, "sea") is None
    assert no_enlarger("txt2img", Capabilities(), "sea") is None
    said = no_enlarger("txt2img", can, "sea")
    assert said is not None
    assert said.startswith("'sea' enlarges a small picture")

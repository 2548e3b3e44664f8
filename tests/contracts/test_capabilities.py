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


@pytest.mark.parametrize(
    ("source", "wanted", "shown"),
    [
        ((50, 70), (200, 280), (50, 70)),  # as it is
        ((50, 70), (100, 140), (50, 70)),  # Lanczos reduces the result
        ((50, 70), (400, 560), (100, 140)),  # enlarged first
        ((300, 200), (300, 200), (250, 200)),  # the result may not pass 1000 px
    ],
)
def test_an_enlarger_is_shown_what_leads_to_the_size(
    source: tuple[int, int], wanted: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert Enlarging(4).shown_px(source, wanted, SizeGrid(step_px=4), 1000) == shown


def test_an_enlarger_is_shown_sides_whose_results_lie_on_its_grid() -> None:
    sizes = SizeGrid(step_px=32)
    assert Enlarging(4).shown_px((50, 3), (200, 12), sizes, 1000) == (48, 8)
    assert Enlarging(3).shown_px((50, 33), (150, 99), sizes, 1000) == (64, 32)

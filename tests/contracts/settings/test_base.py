"""What all modes share: what is left open, batches, and what they ask for."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from backend.contracts.settings import LoraUse, Settings, Txt2ImgSettings

OPEN = Txt2ImgSettings()


def resolved(settings: Txt2ImgSettings) -> Txt2ImgSettings:
    return settings.resolved(native_size=(320, 192), guidance_scale=4.5, seed=70, variation_seed=80)


def test_what_is_left_open_is_filled_in() -> None:
    made = resolved(OPEN)
    assert (made.width, made.height, made.guidance_scale) == (320, 192, 4.5)
    assert (made.seed, made.variation_seed) == (70, 80)
    assert made.drawn_size == (320, 192)


def test_what_was_asked_for_stays() -> None:
    asked = Txt2ImgSettings(
        width=64, height=128, guidance_scale=1.0, seed=0, variation_seed=3, steps=7
    )
    assert resolved(asked) == asked


@pytest.mark.parametrize("side", ["width", "height"])
def test_a_side_alone_is_filled_up_by_the_models(side: str) -> None:
    made = resolved(Txt2ImgSettings.model_validate({side: 64}))
    other = {"width": "height", "height": "width"}[side]
    assert getattr(made, side) == 64
    assert getattr(made, other) == {"width": 320, "height": 192}[other]


def test_batches_count_their_seeds_on() -> None:
    settings = resolved(Txt2ImgSettings(batch_size=3, batch_count=4, seed=2**32 - 4))
    batches = [settings.batch(number) for number in range(4)]
    assert [one.seed for one in batches] == [2**32 - 4, 2**32 - 1, 2, 5]
    assert {one.batch_count for one in batches} == {1}
    assert [batches[1].image_seed(index) for index in range(3)] == [2**32 - 1, 0, 1]
    assert settings.picture_count == settings.fewest_together == 3


def test_variations_share_a_seed_and_count_on_the_second() -> None:
    varied = resolved(Txt2ImgSettings(batch_size=2, batch_count=2, variation_strength=0.2, seed=5))
    second = varied.batch(1)
    assert (second.seed, second.variation_seed) == (5, 82)


def test_every_text_that_an_encoder_may_be_given_is_a_prompt() -> None:
    settings = Txt2ImgSettings(prompt="a", negative_prompt="b", prompt_b="c")
    assert set(settings.prompts) == {"a", "b", "c"}


def test_guidance_acts_forwards() -> None:
    assert Txt2ImgSettings(guidance_start=0.4, guidance_end=0.4).guidance_end == 0.4
    with pytest.raises(ValidationError, match="guidance_start must not lie after guidance_end"):
        Txt2ImgSettings(guidance_start=0.5, guidance_end=0.4)


def test_by_themselves_settings_need_a_model_and_no_picture() -> None:
    assert OPEN.needs_model
    assert OPEN.missing_picture(()) is None
    assert OPEN.for_pictures({"image"}) is OPEN
    assert Settings().part_like(OPEN) == Settings()
    rows = (LoraUse(name="a"), LoraUse(name="b", on=False))
    assert Txt2ImgSettings(loras=rows).acting_loras == rows[:1]

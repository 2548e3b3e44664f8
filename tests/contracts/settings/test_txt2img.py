"""Settings that start from a prompt: two stages, and the variants of a comparison."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from backend.contracts.errors import BadInput
from backend.contracts.settings import (
    HiresStage,
    LoraMixSettings,
    LoraUse,
    Txt2ImgSettings,
    parse,
)

INK, NEON = LoraUse(name="ink", weight=0.5), LoraUse(name="neon")
OFF = LoraUse(name="off", on=False)


def resolved(settings: Txt2ImgSettings, grid_px: int = 8) -> Txt2ImgSettings:
    return settings.resolved(
        native_size=(512, 512), grid_px=grid_px, guidance_scale=7.0, seed=7, variation_seed=8
    )


def test_without_hires_fix_the_picture_has_the_size_that_is_asked_for() -> None:
    plain = Txt2ImgSettings(width=256, height=192)
    assert not plain.hires
    assert plain.drawn_size == (256, 192)


def test_the_second_stage_is_img2img_of_the_larger_size() -> None:
    settings = resolved(
        Txt2ImgSettings(
            width=256,
            height=192,
            hires_scale=2,
            hires_denoise=0.4,
            steps=20,
            seed=7,
            prompt="a cat",
        )
    )
    assert settings.drawn_size == (512, 384)
    assert settings.first_stage == settings.model_copy(update={"hires_scale": 1.0})
    stage = settings.second_stage
    assert (stage.width, stage.height, stage.strength, stage.steps) == (512, 384, 0.4, 20)
    assert (stage.prompt, stage.seed) == ("a cat", 7)
    own = settings.model_copy(update={"hires_steps": 9})
    assert own.second_stage.steps == 9


def test_the_second_stage_lies_on_the_models_grid_and_its_record_says_so() -> None:
    asked = Txt2ImgSettings(width=96, height=64, hires_scale=1.1)
    settings = resolved(asked, 16)
    assert settings.drawn_size == (112, 64)
    again = parse("txt2img", settings.model_dump(mode="json"))
    assert again == settings
    assert again.drawn_size == (112, 64)
    # Another model has a grid of its own, whatever the record says.
    assert resolved(again, 8).drawn_size == (104, 72)
    assert resolved(again, 8).hires_grid_px == 8
    assert resolved(again, 32).drawn_size == (96, 64)
    assert settings.first_stage.hires_grid_px == 8


def test_without_a_second_stage_a_record_says_nothing_of_its_grid() -> None:
    plain = resolved(Txt2ImgSettings(hires_grid_px=16), 16)
    assert plain.hires_grid_px == 8
    assert "hires_grid_px" not in plain.model_dump(mode="json")


def test_a_branch_goes_on_in_the_stage_that_it_comes_from() -> None:
    settings = resolved(Txt2ImgSettings(width=256, height=256, hires_scale=2.0))
    assert isinstance(settings.part_like(settings.second_stage), HiresStage)
    assert settings.part_like(settings.first_stage) == settings.first_stage
    with pytest.raises(BadInput, match="switch hires fix on"):
        settings.first_stage.part_like(settings.second_stage)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hires_scale": 2.0, "hires_denoise": 0.01, "steps": 20}, "runs no step at all"),
        ({"hires_scale": 4.0, "width": 2048, "height": 64}, "larger than 4096 px"),
    ],
)
def test_a_second_stage_that_cannot_run_is_refused(values: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Txt2ImgSettings.model_validate(values)


def test_compared_loras_are_drawn_without_each_alone_and_together() -> None:
    mix = LoraMixSettings(compare=True, loras=(INK, OFF, NEON), batch_size=2)
    assert mix.variants == (
        ("no LoRA", ()),
        ("ink 0.5", (0,)),
        ("neon 1", (1,)),
        ("all together", (0, 1)),
    )
    assert mix.picture_count == 8
    assert mix.alone(0).loras == ()
    assert mix.alone(2).loras == (NEON,)
    assert mix.alone(3).loras == (INK, NEON)
    assert not mix.alone(3).compare


def test_one_lora_is_not_compared_with_itself() -> None:
    assert [label for label, _ in LoraMixSettings(compare=True, loras=(INK,)).variants] == [
        "no LoRA",
        "ink 0.5",
    ]


def test_loras_are_compared_in_one_stage() -> None:
    with pytest.raises(ValidationError, match="without hires fix"):
        LoraMixSettings(compare=True, hires_scale=2.0)

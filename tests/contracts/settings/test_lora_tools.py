"""The pad's points and mixes, and what the footprint is asked of."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import LoraUse, Txt2ImgSettings
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.contracts.settings.regions import Region


def pad(count: int, grid: int = 5) -> LoraPadSettings:
    uses = tuple(LoraUse(name=name, weight=0.8) for name in "abcd"[:count])
    settings = Txt2ImgSettings(loras=uses, batch_size=4, steps=20, hires_scale=2.0)
    return LoraPadSettings.of(settings, grid=grid)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_shares_are_one_in_all_and_whole_at_the_corners(count: int) -> None:
    settings = pad(count)
    for x in (0.0, 0.3, 1.0):
        for y in (0.0, 0.7, 1.0):
            shares = settings.shares(x, y)
            assert len(shares) == count
            assert min(shares) >= 0
            assert sum(shares) == pytest.approx(1)
    assert settings.shares(0, 0)[0] == 1
    assert settings.shares(1, 0)[1] == 1
    if count > 2:
        assert settings.shares(0.0, 1)[2] == 1
    if count == 4:
        assert settings.shares(1, 1)[3] == 1


@pytest.mark.parametrize(("count", "expected"), [(2, 5), (3, 21), (4, 25)])
def test_points_of_one_mix_are_drawn_once_corners_and_middle_first(
    count: int, expected: int
) -> None:
    settings = pad(count)
    points = settings.points
    assert len(points) == settings.picture_count == expected
    assert len({settings.shares(x, y) for x, y in points}) == expected
    assert points[:2] == ((0.0, 0.0), (1.0, 0.0))
    assert settings.shares(*points[count]) == settings.shares(0.5, 0.5 if count > 2 else 0.0)


def test_the_exact_picture_has_the_weights_of_its_point_and_all_steps() -> None:
    exact = pad(2).exact(0.25, 0.0)
    assert [use.weight for use in exact.loras] == [0.6, 0.2]
    assert (exact.mode, exact.steps, exact.batch_size, exact.hires_scale) == (
        "lora_mix",
        20,
        1,
        1.0,
    )


@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_pad_needs_two_to_four_loras(count: int) -> None:
    uses = tuple(LoraUse(name=f"l{n}") for n in range(count))
    with pytest.raises(BadInput, match="two to four LoRAs"):
        LoraPadSettings.of(Txt2ImgSettings(loras=uses))


def test_coarse_steps_are_never_more_than_the_steps() -> None:
    uses = (LoraUse(name="a"), LoraUse(name="b"))
    assert LoraPadSettings.of(Txt2ImgSettings(loras=uses, steps=3)).coarse_steps == 3


def test_the_footprint_is_of_each_lora_that_acts() -> None:
    uses = (LoraUse(name="a"), LoraUse(name="b", on=False))
    found = FootprintSettings.of(Txt2ImgSettings(loras=uses, batch_size=3, hires_scale=2.0))
    assert [use.name for use in found.loras] == ["a"]
    assert (found.picture_count, found.batch_size, found.hires_scale) == (1, 1, 1.0)
    with pytest.raises(BadInput, match="without LoRAs"):
        FootprintSettings.of(Txt2ImgSettings(loras=(uses[1],)))
    place = Region(prompt="a boat", box=(0.0, 0.0, 0.5, 1.0))
    found = FootprintSettings.of(Txt2ImgSettings(loras=uses, regions=(place,)))
    assert found.watched == ("a", "region 1: a boat")
    own = Txt2ImgSettings(regions=(place.model_copy(update={"loras": uses}),))
    with pytest.raises(BadInput, match="LoRAs of their own, which are not told apart; take them"):
        FootprintSettings.of(own)

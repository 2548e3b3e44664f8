"""Several conditions with places as one that holds all their prompts."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from backend.contracts.capabilities import Capabilities
from backend.contracts.settings import Txt2ImgSettings, parse
from backend.contracts.settings.regions import Region
from backend.models.denoiser.region_attention import RegionAttention
from backend.models.patches import PatchStack
from backend.models.text.conditioning import Conditioning
from backend.modes.conditioned import Conditioned
from backend.modes.region_attention import as_one, by_attention
from backend.modes.regions import Placed, regional
from backend.sampling.types import Level
from tests.tiny import tiny_unet

SIZE = (8, 8)
PADDING = torch.full((1, 3, 2), 9.0)
LEFT, RIGHT = (Region(box=(start, 0.0, start + 0.5, 1.0)) for start in (0.0, 0.5))


def told(value: float, length: int = 3) -> Conditioning:
    return Conditioning(torch.full((1, length, 2), value), PADDING, torch.full((1, 4), value))


def placed(regions: Sequence[Region]) -> Placed:
    own = [[Conditioned(told(1.0 + number))] for number in range(len(regions))]
    base = [Conditioned(told(0.5, 6))]
    return regional(base, own, regions, 0.0, SIZE, torch.device("cpu"))


class Base:
    """A network that says what it was told; notes the shares in force during its calls."""

    def __init__(self, control: RegionAttention) -> None:
        self.control = control
        self.seen: list[Any] = []

    def __call__(self, conditioning: Sequence[Conditioning], check: Any) -> Any:
        check()  # does nothing: whoever made it checks

        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            self.seen.append(self.control.shares(64))
            return x

        return denoise


def run(*regions: Region) -> tuple[Any, ...]:
    network, patches = SimpleNamespace(model=tiny_unet().eval()), PatchStack()
    target = SimpleNamespace(device=torch.device("cpu"))
    stage: Any = SimpleNamespace(
        model=SimpleNamespace(network=network, patches=patches, vae_factor=8, target=target),
        settings=Txt2ImgSettings(regions=regions, width=64, height=64),
    )
    control = RegionAttention(network.model, patches)
    base = Base(control)
    made = as_one(stage, placed(regions), told(0.0), base)
    checks: list[int] = []
    x = torch.zeros(1, 4, *SIZE)
    with control.installed():
        for conditioning in ([made[1], made[0].conditioning], [made[0].conditioning]):
            made[2](conditioning, lambda: checks.append(1))(x, Level.like(x, 1.0, 0.0))
    assert checks == [1, 1]
    assert control.shares(64) is None
    return (*made, base.seen)


def test_prompts_stand_one_after_the_other_and_each_place_reads_its_own() -> None:
    one, negative, _, (both, alone) = run(LEFT, RIGHT)
    assert one.share == 1.0
    assert one.conditioning.context[0, :, 0].tolist() == [1.0] * 3 + [2.0] * 3
    assert negative.context[0, :, 0].tolist() == [0.0] * 6
    assert both.shape == (2, 2, 64)
    assert both[0].tolist() == [[1.0] * 64, [0.0] * 64]
    assert both[1, 0].tolist() == ([1.0] * 4 + [0.0] * 4) * 8
    assert torch.equal(alone, both[1:])


def test_what_is_left_reads_the_prompt_and_weights_are_of_the_guidance() -> None:
    one, negative, _, (both, _) = run(Region(box=LEFT.box, weight=0.5))
    assert one.conditioning.context[0, :, 0].tolist() == [0.5] * 6 + [1.0] * 3 + [9.0] * 3
    assert negative.context.shape == one.conditioning.context.shape
    assert one.share[0, 0, 0].tolist() == [0.5] * 4 + [1.0] * 4
    torch.testing.assert_close(both.sum(dim=1), torch.ones(2, 64))


def test_two_that_cover_all_share_every_place() -> None:
    one, _, _, (both, _) = run(Region(), Region())
    assert one.share == 1.0
    torch.testing.assert_close(both[1], torch.full((2, 64), 0.5))


@pytest.mark.parametrize(
    ("values", "can", "wanted"),
    [
        ({}, {}, False),
        ({"region_by": "attention"}, {}, True),
        ({"region_by": "attention"}, {"attention": False}, False),
        ({"region_by": "attention", "regions": []}, {}, False),
    ],
)
def test_attention_is_taken_where_it_is_asked_for_and_can_be(
    values: dict[str, Any], can: dict[str, Any], wanted: bool
) -> None:
    region = {"prompt": "a boat", "box": [0.0, 0.0, 0.5, 1.0]}
    settings = parse("txt2img", {"regions": [region]} | values)
    assert by_attention(settings, Capabilities(**can)) is wanted

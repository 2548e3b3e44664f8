"""Attention across a clip's frames, against diffusers' UNet run frame by frame."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.errors import BadInput
from backend.contracts.settings.kinds import Attend
from backend.models.denoiser.cross_frame import CrossFrameAttention, Look, Rows
from backend.models.patches import PatchStack
from tests.models.denoiser.stored import layers, storing
from tests.tiny import tiny_sdxl_unet, tiny_unet

FRAMES = 5
MODES: tuple[Attend, ...] = ("first", "previous", "first_previous", "bank")
BANK = 3


def inputs(unet: UNet2DConditionModel, rows: int) -> dict[str, Any]:
    made = torch.Generator().manual_seed(1)
    width = unet.config["cross_attention_dim"]
    given: dict[str, Any] = {
        "sample": torch.randn(rows, 4, 8, 8, generator=made),
        "timestep": torch.full((rows,), 500.0),
        "encoder_hidden_states": torch.randn(rows, 7, width, generator=made),
    }
    if unet.config["addition_embed_type"]:
        given["added_cond_kwargs"] = {
            "text_embeds": torch.randn(rows, 16, generator=made),
            "time_ids": torch.zeros(rows, 6),
        }
    return given


def of(given: dict[str, Any], rows: Any) -> dict[str, Any]:
    return {
        name: of(value, rows) if isinstance(value, dict) else value[rows]
        for name, value in given.items()
    }


def by_the_oracle(
    unet: UNet2DConditionModel, given: dict[str, Any], attend: Attend, own: bool, key: int = 0
) -> torch.Tensor:
    with storing(unet, attend, own, key=key, bank=BANK) as oracle:
        made: dict[int, torch.Tensor] = {}
        for row in called(len(given["sample"]), key):
            oracle.frame = row
            made[row] = unet(**of(given, [row])).sample
    return torch.cat([made[row] for row in sorted(made)])


def called(frames: int, key: int) -> list[int]:
    """The order of the calls: the key goes first."""
    return [key, *(row for row in range(frames) if row != key)]


def in_chunks(
    unet: UNet2DConditionModel, control: CrossFrameAttention, given: dict[str, Any], chunk: int,
    halves: int = 1, key: int = 0,
) -> torch.Tensor:  # fmt: skip
    frames = len(given["sample"]) // halves
    made = torch.empty_like(given["sample"])
    order = called(frames, key)
    for start in range(0, frames, chunk):
        here = tuple(order[start : start + chunk])
        rows = [half * frames + i for half in range(halves) for i in here]
        with control.over(Rows(here, start == 0, start + chunk < frames)):
            made[rows] = unet(**of(given, rows)).sample
    return made


@pytest.mark.parametrize("build", [tiny_unet, tiny_sdxl_unet])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("attend", MODES)
@torch.no_grad()
def test_all_chunks_give_what_frame_by_frame_gives(build: Any, attend: Attend, own: bool) -> None:
    torch.manual_seed(0)
    unet = build().eval()
    given = inputs(unet, FRAMES)
    plain = unet(**given).sample
    control = CrossFrameAttention(unet, PatchStack(), Look(attend, own, BANK))
    for key in (0, 2) if control.look.keyed else (0,):
        wanted = by_the_oracle(unet, given, attend, own, key)
        assert (wanted - plain)[1:].abs().max() > 1e-3  # it does act
        with control.installed():
            for chunk in (1, 3, FRAMES):
                made = in_chunks(unet, control, given, chunk, key=key)
                assert (made - wanted).abs().max() < 2e-5
    assert torch.equal(unet(**given).sample, plain)


@torch.no_grad()
def test_the_halves_of_a_guided_batch_keep_to_themselves() -> None:
    torch.manual_seed(0)
    unet = tiny_unet().eval()
    given = inputs(unet, 2 * FRAMES)
    control = CrossFrameAttention(unet, PatchStack(), Look("first_previous"))
    halves = [by_the_oracle(unet, of(given, slice(h * FRAMES, (h + 1) * FRAMES)),
                            "first_previous", False) for h in (0, 1)]  # fmt: skip
    with control.installed():
        for chunk in (2, FRAMES):
            made = in_chunks(unet, control, given, chunk, halves=2)
            assert (made - torch.cat(halves)).abs().max() < 2e-5


@torch.no_grad()
def test_what_is_carried_does_not_grow_with_the_clip() -> None:
    torch.manual_seed(0)
    unet = tiny_unet().eval()
    most: list[int] = []
    for attend, frames in (("first_previous", 4), ("first_previous", 12), ("bank", 12)):
        patches = PatchStack()
        control = CrossFrameAttention(unet, patches, Look(attend, bank=2))  # type: ignore[arg-type]
        with control.installed():
            with control.over(Rows((0, 1), begins=True, goes_on=True)):
                unet(**inputs(unet, 2))
            (held,) = patches.holdings()
            assert held.nbytes == control.carried_bytes > 0
            in_chunks(unet, control, inputs(unet, frames), 2)
            assert control.carried_bytes == 0  # a step that is over leaves nothing
            assert patches.holdings() == ()
        most.append(control.most_bytes)
    assert most[0] == most[1] == most[2] > 0  # two frames each


@torch.no_grad()
def test_the_very_same_processors_are_back_even_after_a_failure() -> None:
    unet = tiny_unet().eval()
    before = {name: layer.processor for name, layer in layers(unet).items()}
    control = CrossFrameAttention(unet, PatchStack(), Look("first"))

    def fails() -> None:
        with control.installed():
            assert all(layer.processor is not before[name] for name, layer in layers(unet).items())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert all(layer.processor is before[name] for name, layer in layers(unet).items())
    assert not any(value is control for value in unet.__dict__.values())


@torch.no_grad()
def test_a_job_that_runs_in_between_sees_plain_attention() -> None:
    torch.manual_seed(0)
    unet = tiny_unet().eval()
    given = inputs(unet, FRAMES)
    plain = unet(**given).sample
    control = CrossFrameAttention(unet, PatchStack(), Look("first_previous"))
    with control.installed(), control.over(Rows(tuple(range(FRAMES)), begins=True, goes_on=False)):
        with control.paused():
            assert torch.equal(unet(**given).sample, plain)
        assert not torch.equal(unet(**given).sample, plain)


def test_a_unet_without_such_layers_is_refused() -> None:
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        cross_attention_dim=32,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
    )
    assert any(isinstance(module, Attention) for module in unet.modules())
    with pytest.raises(BadInput, match="attend to 'off'"):
        CrossFrameAttention(unet, PatchStack(), Look("first"))

"""What fits, said before a job starts, in sizes that the model does draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from backend.contracts.capabilities import SizeGrid
from backend.contracts.errors import OutOfMemory
from backend.contracts.settings import Txt2ImgSettings
from backend.models.catalog.entry import ModelInfo
from backend.models.family import Anatomy
from backend.models.memory.devices import HEADROOM, Target
from backend.modes import limits
from backend.modes.limits import advice, check, job_bytes, rows_that_fit

HALF = Target(torch.device("cpu"), torch.float16)
FULL = Target(torch.device("cpu"), torch.float32)
MIB = 2**20


def model(*, step_px: int = 8, least_px: int = 64, decode: int = 0, call: int = 1000) -> ModelInfo:
    anatomy = Anatomy(
        factor=8,
        sizes=SizeGrid(step_px, least_px, 2048),
        call_values=call,
        decode_values=decode,
    )
    return ModelInfo("tiny", Path("tiny"), "checkpoint", anatomy=anatomy)


def settings(**values: Any) -> Txt2ImgSettings:
    plain = {"model": "tiny", "seed": 1, "width": 64, "height": 64, "guidance_scale": 3.0}
    return Txt2ImgSettings.model_validate(plain | values)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what is free, so that the room for a job is exactly that."""

    def told(room: int) -> None:
        monkeypatch.setattr(limits, "free_bytes", lambda device: room)
        monkeypatch.setattr(limits, "HEADROOM", 1.0)

    return told


PICTURE = 16 * 64 * 64  # bytes of a finished picture and what is made of it
ROW = 1000 * 64  # values of one half of one sample


def test_the_network_holds_both_halves_of_every_sample() -> None:
    assert job_bytes(settings(), model(), HALF) == 2 * ROW * 2 + PICTURE
    assert job_bytes(settings(), model(), FULL) == 2 * ROW * 4 + PICTURE
    assert job_bytes(settings(guidance_scale=1.0), model(), HALF) == ROW * 2 + PICTURE
    assert job_bytes(settings(guidance_scale=None), model(), HALF) == 2 * ROW * 2 + PICTURE
    assert job_bytes(settings(prompt="a AND b"), model(), HALF) == 3 * ROW * 2 + PICTURE
    pair = settings(batch_size=2, batch_count=3)
    assert job_bytes(pair, model(), HALF) == 2 * 2 * ROW * 2 + 2 * 3 * PICTURE


def test_the_decoder_counts_where_it_is_larger_and_only_up_to_a_tile() -> None:
    large = model(decode=100, call=1)
    assert job_bytes(settings(batch_size=3), large, HALF) == 100 * 64 * 64 * 2 + 3 * PICTURE
    huge = settings(width=1024, height=1024)
    assert job_bytes(huge, large, HALF) == 100 * 512 * 512 * 2 + 16 * 1024 * 1024


def test_rows_are_what_the_room_holds_and_at_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "free_bytes", lambda device: int(5 * 2 * ROW * 2 / HEADROOM) + 1)
    assert rows_that_fit(settings(), model(), HALF) == 5
    assert rows_that_fit(settings(guidance_scale=1.0), model(), HALF) == 10
    monkeypatch.setattr(limits, "free_bytes", lambda device: 0)
    assert rows_that_fit(settings(), model(), HALF) == 1


def test_what_just_fits_is_let_through(free: Any) -> None:
    need = job_bytes(settings(), model(), HALF)
    free(need)
    check(settings(), model(), HALF)
    free(need - 1)
    with pytest.raises(OutOfMemory):
        check(settings(), model(), HALF)


def test_a_smaller_batch_is_offered_first(free: Any) -> None:
    free(job_bytes(settings(batch_size=3), model(), HALF))
    with pytest.raises(OutOfMemory) as error:
        check(settings(batch_size=8), model(), HALF)
    need = job_bytes(settings(batch_size=8), model(), HALF) // MIB
    assert str(error.value) == (
        f"8 x 64x64 px needs about {need} MiB and 0 MiB are free; "
        "a batch of 3 at this size would fit."
    )


def test_then_the_largest_square(free: Any) -> None:
    free(job_bytes(settings(width=200, height=200), model(), HALF))
    with pytest.raises(OutOfMemory, match="one picture of 200x200 px would fit"):
        check(settings(width=512, height=256, batch_size=2), model(), HALF)


@pytest.mark.parametrize(("step_px", "side"), [(8, 200), (16, 192), (64, 192)])
def test_the_size_that_is_offered_lies_on_the_grid_of_the_model(
    free: Any, step_px: int, side: int
) -> None:
    free(job_bytes(settings(width=200, height=200), model(), HALF))
    info = model(step_px=step_px)
    assert info.anatomy.sizes.holds(side)
    with pytest.raises(OutOfMemory, match=f"one picture of {side}x{side} px would fit"):
        check(settings(width=512, height=520 // step_px * step_px), info, HALF)


def test_nothing_smaller_than_the_model_draws_is_offered(free: Any) -> None:
    free(job_bytes(settings(width=64, height=64), model(), HALF))
    with pytest.raises(OutOfMemory, match="free some memory first"):
        check(settings(width=512, height=512), model(least_px=128), HALF)
    tiny = settings(width=16, height=16)
    free(job_bytes(tiny, model(), HALF))
    with pytest.raises(OutOfMemory, match="one picture of 16x16 px would fit"):
        check(settings(width=48, height=48), model(least_px=8), HALF)


def test_after_a_shortage_half_of_what_was_asked_for_is_offered(free: Any) -> None:
    free(10**12)
    asked = settings(width=256, height=256, batch_size=4)
    assert advice(asked, model(), HALF) == "one picture of 176x176 px would fit."
    assert advice(asked, model(step_px=64), HALF) == "one picture of 128x128 px would fit."

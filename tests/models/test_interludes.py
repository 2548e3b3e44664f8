"""What a job changed is among its interludes as long as it is changed."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from backend.models.interludes import Interludes, registered


def test_a_pause_is_there_while_the_block_lasts() -> None:
    interludes: Interludes = [nullcontext]

    def pause() -> nullcontext[None]:
        return nullcontext()

    with registered(interludes, pause):
        assert interludes == [nullcontext, pause]
    assert interludes == [nullcontext]
    with pytest.raises(RuntimeError), registered(interludes, pause):
        raise RuntimeError
    assert interludes == [nullcontext]


def test_without_a_job_there_are_none() -> None:
    with registered(None, nullcontext):
        pass

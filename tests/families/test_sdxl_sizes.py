"""What SDXL is told of the picture's size."""

from __future__ import annotations

import pytest
import torch

from backend.families.sdxl_sizes import SizeConditions


def test_it_is_told_of_an_uncropped_picture_of_the_size_that_is_drawn() -> None:
    told = SizeConditions(16, torch.bfloat16)
    pooled = torch.arange(6.0).reshape(3, 2)
    added = told(pooled, torch.zeros(3, 4, 8, 12))
    assert added["time_ids"].tolist() == [[128, 192, 0, 0, 128, 192]] * 3
    assert added["time_ids"].dtype == torch.float32
    assert torch.equal(added["text_embeds"], pooled.to(torch.bfloat16))


def test_without_a_pooled_prompt_it_cannot_run() -> None:
    with pytest.raises(ValueError, match="pooled"):
        SizeConditions(8, torch.float32)(None, torch.zeros(1, 4, 8, 8))

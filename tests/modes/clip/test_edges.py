"""A byte a pixel stays of each frame, and the ControlNet is shown what it would be shown alone."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch

from backend.models.control.controlnet import ControlNet
from backend.models.control.hints import spread
from backend.modes.clip.edges import Edges
from tests.tiny import tiny_unet

NET = ControlNet(cast(Any, None), cast(Any, tiny_unet().eval()))
CONTROLS = [
    np.random.default_rng(index).integers(0, 2, (16, 24, 1), np.uint8).repeat(3, 2) * 255
    for index in range(5)
]


@pytest.mark.parametrize("frames", [(0, 1, 2, 3, 4), (2, 3), (3, 0, 1)])
def test_each_frame_is_shown_by_its_own_edges(frames: tuple[int, ...]) -> None:
    edges = Edges.of(NET, CONTROLS)
    assert edges.greys.dtype == torch.uint8
    assert edges.greys.nbytes == 5 * 16 * 24
    control = edges.control(frames, 0.5)
    assert control.scale == 0.5
    wanted = torch.cat([NET.hint(CONTROLS[frame]) for frame in frames])
    assert torch.equal(spread(control.hint, torch.float32), wanted)

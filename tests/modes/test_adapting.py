"""Which rows of a call are told of the picture, and when."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.settings import Txt2ImgSettings
from backend.models.denoiser.image_attention import ImageAttention, Told
from backend.models.text.conditioning import Conditioning
from backend.modes.adapting import Adapted
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.sampling.config import SchedulerConfig
from backend.sampling.schedule import make
from backend.sampling.types import Denoiser, Level

SCHEDULE = make("ddim", "model", 4, SchedulerConfig.from_dict({}), "sd")
NEGATIVE, POSITIVE = torch.zeros(1, 2, 3), torch.ones(1, 2, 3)


class Noting:
    """The control on a network, which notes what calls were told."""

    def __init__(self) -> None:
        self.model, self.now, self.calls = object(), None, list[Any]()
        self.adapter = SimpleNamespace(tokens=lambda picture: (NEGATIVE, POSITIVE))

    def find(self, module: object, kind: type) -> Any:
        assert module is self.model
        assert kind is ImageAttention
        return self

    @contextmanager
    def telling(self, told: Told) -> Generator[None]:
        self.now = told
        yield
        self.now = None

    def base(self, conditioning: Sequence[Conditioning], check: Any) -> Denoiser:
        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            check()
            self.calls.append(self.now)
            return x

        return denoise


@pytest.mark.parametrize(
    ("grounds", "conditions", "wanted"),
    [
        (1, 1, [1.0]),
        (1, 2, [0.0, 1.0]),
        (1, 3, [0.0, 1.0, 1.0]),
        (2, 4, [0.0, 0.0, 1.0, 1.0]),  # regions with LoRAs have a negative each
        (2, 1, [1.0]),
    ],
)
def test_the_negative_rows_are_told_of_no_picture(
    grounds: int, conditions: int, wanted: list[float]
) -> None:
    control, checks = Noting(), list[int]()
    settings = Txt2ImgSettings(
        reference_weight=0.7, reference_adapter="plain", reference_end=0.5, width=64, height=64
    )
    model: Any = SimpleNamespace(network=control, patches=control)
    context: Any = SimpleNamespace(pictures={"reference": np.zeros((8, 8, 3), np.uint8)})
    stage = Stage(settings, model, context, SCHEDULE)
    one = Conditioning(torch.zeros(1, 7, 8), torch.zeros(1, 7, 8))
    adapted = Adapted(stage, Span(SCHEDULE), control.base)
    made = adapted if grounds == 1 else adapted.among(grounds)
    denoise = made([one] * conditions, lambda: checks.append(1))
    for step in range(4):
        denoise(*SCHEDULE.asked(torch.zeros(conditions, 4, 8, 8), step))
    assert len(checks) == 4
    assert [told is not None for told in control.calls] == [True, True, False, False]
    assert control.calls[0].weight == 0.7
    assert control.calls[0].tokens[:, 0, 0].tolist() == wanted

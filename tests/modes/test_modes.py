"""One table of modes."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts import settings as contracts
from backend.contracts.errors import BadInput
from backend.contracts.requests import ResolvedRequest
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.lora_tools import FootprintSettings, LoraPadSettings
from backend.contracts.settings.train_lora import TrainLoraSettings
from backend.modes import MODES, run_alone, run_mode
from backend.modes.late import late_modes


def test_every_kind_of_settings_has_its_mode() -> None:
    tools = (LoraPadSettings.mode, FootprintSettings.mode, TrainLoraSettings.mode)
    late = {mode.name for mode in late_modes()}
    assert set(MODES) == {*contracts.MODES, *tools, *late}
    assert all(mode.name == name for name, mode in MODES.items())


@pytest.mark.parametrize("run", [run_mode, run_alone])
def test_a_mode_that_is_not_there_is_a_sentence(run: Any) -> None:
    class Other(Txt2ImgSettings):
        mode = "other"

    with pytest.raises(BadInput, match="'other' cannot run here; choose one of: txt2img"):
        run(ResolvedRequest(Other(), runs=(Other(),)), None)

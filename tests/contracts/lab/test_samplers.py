"""The table of samplers: its runs, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.lab.samplers import SamplersSettings
from backend.contracts.settings.parsing import parsed


def test_the_run_of_many_steps_comes_first_then_row_by_row() -> None:
    settings = SamplersSettings(samplers=("ddim", "heun"), counts=(2, 4), prompt="a boat", seed=3)
    cells = settings.cells
    assert [(cell.sampler, cell.steps) for cell in cells] == [
        ("euler", 200),
        ("ddim", 2),
        ("ddim", 4),
        ("heun", 2),
        ("heun", 4),
    ]
    assert {(cell.prompt, cell.seed, cell.schedule) for cell in cells} == {
        ("a boat", 3, "trailing")
    }
    assert settings.picture_count == 5
    with pytest.raises(BadInput):
        settings.part_like(settings)


@pytest.mark.parametrize(
    "values",
    [
        {"samplers": []},
        {"counts": [0]},
        {"counts": list(range(1, 30))},
        {"batch_size": 2},
        {"counts": "x"},
    ],
)
def test_other_tables_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        parsed(SamplersSettings, values)

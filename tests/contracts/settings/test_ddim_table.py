"""Settings of the DDIM experiment: its cells, and what cannot be drawn."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import parse
from backend.contracts.settings.ddim_table import DdimTableSettings


def table(**values: object) -> DdimTableSettings:
    found = parse("ddim_table", {"width": 64, "height": 64, "seed": 3} | values)
    assert isinstance(found, DdimTableSettings)
    return found


def test_a_cell_is_a_run_of_txt2img() -> None:
    made = table(step_counts="20; 5 20", prompt="a house")
    assert made.counts == (5, 20)
    told = [(cell.steps, cell.eta, cell.variance) for cell in made.cells]
    assert told == [
        (5, 0.0, "eta"),
        (20, 0.0, "eta"),
        (5, 1.0, "eta"),
        (20, 1.0, "eta"),
        (5, 0.0, "sigma_hat"),
        (20, 0.0, "sigma_hat"),
    ]
    assert {(cell.sampler, cell.schedule, cell.seed) for cell in made.cells} == {
        ("ddim", "trailing", 3)
    }
    assert made.picture_count == 7


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"step_counts": ""}, "1 to 8 numbers"),
        ({"step_counts": "1 2 3 4 5 6 7 8 9"}, "1 to 8 numbers"),
        ({"step_counts": "ten"}, "are numbers"),
        ({"step_counts": "0, 5"}, "between 1 and 1000"),
        ({"step_counts": "1001"}, "between 1 and 1000"),
        ({"batch_size": 2}, "one seed"),
    ],
)
def test_what_cannot_be_drawn_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        table(**values)


def test_a_branch_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot be branched"):
        table().part_like(table().cells[0])

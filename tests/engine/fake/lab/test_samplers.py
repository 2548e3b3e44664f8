"""The stand-in's table."""

from __future__ import annotations

from backend.contracts.lab.samplers import Compared, SamplersSettings
from backend.contracts.requests import Request
from backend.engine.fake.lab.samplers import look


def test_the_table_grows_cell_by_cell() -> None:
    settings = SamplersSettings(
        prompt="a", samplers=("ddim",), counts=(1, 8), width=64, height=64, seed=1
    )
    facts = [seen.facts for seen in look(Request(settings))]
    told = [one for one in facts if isinstance(one, Compared)]
    assert [len(one.cells) for one in told] == [0, 1, 2]
    assert told[-1].cells[0].distance > told[-1].cells[1].distance

"""Settings of the mode that draws codes."""

from __future__ import annotations

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import parse
from backend.contracts.settings.codes import CodesSettings


def test_all_cells_are_drawn_in_raster_order_but_those_kept_and_painted() -> None:
    plain = CodesSettings()
    assert plain.cells(2, 2) == ((0, 0), (0, 1), (1, 0), (1, 1))
    assert CodesSettings(kept_rows=1).cells(2, 2) == ((1, 0), (1, 1))
    assert CodesSettings(paint="1,0=3").cells(2, 2) == ((0, 0), (0, 1), (1, 1))
    assert CodesSettings(redraw="1,1 0,1 1,1").cells(2, 2) == ((0, 1), (1, 1))
    assert CodesSettings(redraw="none").cells(2, 2) == ()


def test_a_cell_outside_is_refused() -> None:
    with pytest.raises(BadInput, match="2 rows of 3"):
        CodesSettings(redraw="2,0").cells(2, 3)
    with pytest.raises(BadInput, match="2 rows of 3"):
        CodesSettings(paint="0,3=1").cells(2, 3)


@pytest.mark.parametrize("values", [{"redraw": "1;2"}, {"redraw": "1,2=3"}, {"paint": "1,2"}])
def test_what_is_no_cell_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="is no cell"):
        parse("codes", values)


def test_what_is_kept_needs_a_picture() -> None:
    assert CodesSettings().missing_picture(()) is None
    for kept in ({"kept_rows": 1}, {"redraw": "none"}, {"redraw": "0,0"}):
        settings = CodesSettings.model_validate(kept)
        assert settings.missing_picture(()) is not None
        assert settings.missing_picture(("image",)) is None

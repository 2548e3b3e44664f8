"""The fold of a reference: all its fields, its picture, in the tabs whose modes have it."""

from __future__ import annotations

import pytest

from backend.contracts.settings import MODES
from backend.contracts.settings.reference import ReferenceFields
from ui.forms.reference import FOLD, pixels
from ui.page.tabs import TABS


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.mode)
def test_it_stands_where_a_mode_takes_a_reference(tab) -> None:  # type: ignore[no-untyped-def]
    takes = "reference" in MODES[tab.mode].pictures
    assert (FOLD in tab.layout.folds) == takes


def test_it_holds_every_field() -> None:
    assert set(FOLD.fields) == set(ReferenceFields.model_fields)
    assert list(FOLD.pictures()) == ["reference"]


def test_nothing_sent_is_no_picture() -> None:
    assert pixels({}) == {}

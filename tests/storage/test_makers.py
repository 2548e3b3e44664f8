"""Who may see and change a picture: the rule, and the same rule as SQL finds it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from backend.storage.history_table import Query, Row, Table
from backend.storage.makers import HOST, NOBODY, Maker, Viewer

ADA, GUS = Maker("@ada/1", "ada"), Maker("@gus/1", "gus")
MEMBER = Viewer("@ada/2", "ada", manages=False)
GUEST = Viewer("@gus/1", "", manages=False)
OTHER_GUEST = Viewer("@gus/2", "", manages=False)
OWNER = Viewer("@olga/1", "olga")


@pytest.mark.parametrize(
    ("viewer", "of_ada", "of_gus", "of_nobody"),
    [
        (HOST, True, True, True),
        (OWNER, True, True, True),
        (MEMBER, True, False, False),  # from another session of hers
        (GUEST, False, True, False),
        (OTHER_GUEST, False, False, False),  # of the same account
        (Viewer("", "", manages=False), False, False, False),
    ],
)
def test_a_picture_is_changed_by_who_made_it_or_an_owner(
    viewer: Viewer, of_ada: bool, of_gus: bool, of_nobody: bool
) -> None:
    assert [viewer.may_change(one) for one in (ADA, GUS, NOBODY)] == [of_ada, of_gus, of_nobody]
    assert all(viewer.sees(one) for one in (ADA, GUS, NOBODY))


def test_alone_everybody_sees_their_own_and_the_table_finds_the_same(tmp_path: Path) -> None:
    table = Table(tmp_path)
    made = {"d/ada.png": ADA, "d/gus.png": GUS, "d/guest.png": Maker("@gus/2", "gus")}
    table.put([Row(name, (1, 1), "txt2img") for name in (*made, "d/none.png")])
    assert all(table.claim(name, maker) for name, maker in made.items())
    assert not table.claim("d/ada.png", GUS), "a name has one maker"
    assert table.makers([*made, "d/none.png"]) == made
    people = [("@ada/2", "ada"), ("@gus/1", ""), ("@gus/2", ""), ("", ""), ("@olga/1", "olga")]
    for (owner, person), nobodys, manages in itertools.product(
        people, (True, False), (True, False)
    ):
        viewer = Viewer(owner, person, alone=True, sees_nobodys=nobodys, manages=manages)
        seen = {name for name, maker in made.items() if viewer.sees(maker)}
        seen |= {"d/none.png"} if viewer.sees(NOBODY) else set()
        entries, total = table.find(Query(), 0, 9, viewer)
        assert {one.name for one in entries} == set(table.names(Query(), 9, viewer)) == seen
        assert total == len(seen)
        assert not any(viewer.may_change(one) for one in made.values() if not viewer.sees(one))
    assert set(table.made_by(Viewer("@gus/1", ""))) == {"d/gus.png"}
    assert set(table.made_by(Viewer("@gus/9", "gus"))) == {"d/gus.png", "d/guest.png"}
    assert table.made_by(Viewer()) == []
    table.forget(["d/ada.png"])
    assert "d/ada.png" not in table.names(Query(), 9)
    assert table.makers(["d/ada.png"]) == {}
    assert b"@ada/1" not in (tmp_path / "history.sqlite").read_bytes()

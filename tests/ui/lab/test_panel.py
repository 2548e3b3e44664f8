"""Panels are found by their files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.contracts.library import ModelEntry
from ui.jobs.words import FOLDER as WORDS
from ui.lab import panel
from ui.lab.panel import Panel, declared, fits_all, panels

FOLDER = Path(panel.__file__).parent


def test_each_has_a_place_a_sentence_and_a_script_of_its_key() -> None:
    found = panels()
    assert list(found) == sorted(found, key=lambda key: found[key].place)
    script = (FOLDER / "lab.js").read_text("utf-8")
    scripted = re.search(r"PANELS = \{([^}]*)\}", script)
    assert scripted
    assert set(re.findall(r"(\w+):", scripted[1])) == set(found)
    for one in found.values():
        assert one.says.endswith(".")
        assert one.asks or one.tells


def words() -> Iterator[str]:
    """What panels say of themselves, and the texts that their scripts put in by helpers."""
    for one in panels().values():
        yield from (one.title, one.says)
    put = r'(?:button|labelled|field|dropZone|figure)\((?:"[a-z]+", )?(?:[\w.()]+, )?"([^"]+)"'
    for file in FOLDER.glob("*.js"):
        source = file.read_text("utf-8")
        yield from re.findall(put, source)
        yield from re.findall(r'el\("\w+", "[^"]*", "([^"]+)"\)', source)


@pytest.mark.parametrize("table", sorted(WORDS.glob("*.json")), ids=lambda path: path.stem)
def test_the_words_are_known_in_every_language(table: Path) -> None:
    """But for what was added since: it stays English until somebody says it."""
    known = json.loads(table.read_text("utf-8"))["words"]
    said = set(words())
    assert len(said) > 10
    missing = said - set(known)
    assert len(missing) < 0.1 * len(said), sorted(missing)


def test_a_folder_without_panels_has_none() -> None:
    assert declared(FOLDER.parent / "jobs", "ui.jobs") == {}


def test_a_panel_has_a_use_for_every_model_unless_it_says_so() -> None:
    assert fits_all(ModelEntry("m")) is None
    assert Panel("a", 1, "A", "It is one.").unfit is fits_all

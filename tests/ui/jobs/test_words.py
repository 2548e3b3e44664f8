"""Tables of words: served, and complete for all that the server puts on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from backend.contracts.fields import described
from backend.contracts.settings import MODES
from ui.jobs.words import FOLDER, word_routes
from ui.page.tabs import TABS
from ui.panels.header import _STATUS

TABLES = sorted(FOLDER.glob("*.json"))
# The same in every language: names of things.
NAMES = {"DDIM", "PNG", "VAE", "LoRA", "LoRAs", "Eta", "lerp", "slerp", "AYS", "Karras"}
SCRIPTED = {"templates", "controls", "time_steps", "source_name", "hires_grid_px"}


@pytest.fixture(params=TABLES, ids=lambda path: path.stem)
def table(request: pytest.FixtureRequest) -> dict[str, Any]:
    return json.loads(request.param.read_text("utf-8"))


def shown() -> Iterator[str]:
    """Labels, hints and choices of every control, and what tabs say of themselves."""
    for tab in TABS:
        yield from (tab.title, tab.heading, tab.text, *(fold.title for fold in tab.layout.folds))
        for name, told in described(MODES[tab.mode]).items():
            hidden = {*tab.layout.scripted, *SCRIPTED}
            if name in hidden or told.group == "saving" or name == "hires_scale":
                continue
            yield from (told.title, *told.choices.values())
            if told.hint and "prompt" not in told.name and name not in ("loras", "model", "stages"):
                yield told.hint


def test_it_is_complete_for_the_forms(table: dict[str, Any]) -> None:
    """But for what was added since: a field that is new stays English until somebody says it."""
    size = {"Width of the picture.", "Height of the picture."}  # one control, with words of its own
    said = set(shown()) - NAMES - size
    missing = said - set(table["words"])
    assert len(missing) < 0.1 * len(said), sorted(missing)


def test_it_is_complete_for_the_header(table: dict[str, Any]) -> None:
    """As far as it was there when the table was made."""
    texts = re.findall(r">([^<>]+)<", _STATUS)
    texts += re.findall(r'(?:title|aria-label|placeholder)="([^"]+)"', _STATUS)
    said = {" ".join(text.split()) for text in texts}
    words = {text for text in said if re.search("[A-Za-z]{2}", text)}
    assert len(words - set(table["words"])) < 0.2 * len(words)


def test_what_is_left_open_is_left_open_in_both(table: dict[str, Any]) -> None:
    for text, said in table["words"].items():
        assert text.count("{}") == said.count("{}"), text
        assert said.strip(), text
    assert table["dir"] in ("ltr", "rtl")


def test_a_table_is_served_and_another_is_not() -> None:
    client = TestClient(Starlette(routes=word_routes()))
    assert client.get("/words/de").json()["language"] == "Deutsch"
    assert client.get("/words/xx").status_code == 404
    assert client.get("/words/..%2Fde").status_code == 404

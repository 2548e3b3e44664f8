"""Where a refusal may send people: each field's control, its label and its fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ui.conftest import said_by, told_by

# A process of its own: a page that is built leaves Gradio's event loops open.
SCRIPT = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from backend.engine.fake.engine import FakeEngine
from ui.page.build import build
from ui.server.studio import studio_at
studio = studio_at(Path(sys.argv[1]), Path("presets"), lambda storage: FakeEngine(storage=storage))
page = build(studio)
places = {
    mode: {
        name: place and asdict(place)
        for name in (*desk.tab.fields, "width", "loras", "size", "no_such_field")
        for place in [desk.place(name)]
    }
    for mode, desk in page.desks.items()
}
ids = [block.elem_id for block in page.blocks.blocks.values() if block.elem_id]
studio.engine.close()
told = [places, ids]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], set[str]]:
    """Places by mode and field, and the element ids that the page has."""
    folder = tmp_path_factory.mktemp("data")
    places, ids = told_by(SCRIPT, folder, str(folder / "data"))
    return places, set(ids)


def test_every_field_of_a_tab_has_a_place(built: tuple[dict[str, Any], set[str]]) -> None:
    places, ids = built
    assert len(places) >= 5
    for mode, fields in places.items():
        assert fields.pop("no_such_field") is None
        for name, place in fields.items():
            if name in ("size", "width") and place is None:
                continue  # a tab whose pictures say it
            assert place is not None, (mode, name)
            assert place["label"], (mode, name)
            assert f"{mode}-{place['key']}" in ids, (mode, name)
            assert not place["fold"] or place["fold"] in ids, (mode, name)


@pytest.mark.parametrize(
    ("field", "key", "fold"),
    [
        ("width", "size", ""),
        ("size", "size", ""),
        ("eta", "eta", "txt2img-advanced"),
        ("hires_scale", "hires_scale", ""),
        ("hires_denoise", "hires_denoise", "txt2img-hires"),
        ("loras", "loras", "txt2img-lora"),
    ],
)
def test_places_are_where_the_controls_stand(
    built: tuple[dict[str, Any], set[str]], field: str, key: str, fold: str
) -> None:
    found = built[0]["txt2img"][field]
    assert (found["key"], found["fold"]) == (key, fold)


STARTING = """
import asyncio, sys
from pathlib import Path
from backend.engine.fake.engine import FakeEngine
from backend.engine.local.starting import StartingEngine, begin
from ui.page.build import build
from ui.server.studio import studio_at
made = FakeEngine()
engine = StartingEngine(lambda: made, made.library())
page = build(studio_at(Path(sys.argv[1]), Path("presets"), lambda storage: engine))
desk = page.desks["txt2img"]
raw = {key: getattr(part, "value", None) for key, part in desk.form.parts.items()}
raw |= {name: getattr(part, "value", None) for name, part in desk.axes.parts.items()}
raw |= {"x_field": "seed", "x_values": "1, 2"}
async def pressed():
    asked = [asyncio.ensure_future(ask(dict(raw))) for ask in (desk.request, desk.grid)]
    for _ in range(10):
        await asyncio.sleep(0.02)  # the page's own loop is free
    assert not any(one.done() for one in asked)
    begin(engine)
    return [one.settings.mode for one in await asyncio.gather(*asked)]
print(*asyncio.run(asyncio.wait_for(pressed(), 60)))
made.close()
"""


def test_a_press_while_the_engine_starts_leaves_the_pages_own_loop_free(tmp_path: Path) -> None:
    assert said_by(STARTING, tmp_path, str(tmp_path / "data"))[-1].split() == [
        "txt2img",
        "xyz_grid",
    ]

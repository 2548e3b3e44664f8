"""The Lab's tab: an empty place until it is opened."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.ui.conftest import Pages, open_tab, told_by

_START = """
import sys
from pathlib import Path
from backend.engine.fake.engine import FakeEngine
from ui.page.build import build
from ui.server.studio import studio_at

folder = Path(sys.argv[1])
page = build(studio_at(folder, folder, lambda _: FakeEngine()))
mounts = [getattr(part, "js_on_load", "") for part in page.blocks.blocks.values()]
told = {
    "lab": sorted(n for n in sys.modules if ".lab" in n and n.startswith(("ui.", "backend."))),
    "place": "mountLab(" in str(mounts),
    "script": "mountLatents" in page.script.content.decode(),
}
"""


def test_a_start_of_the_page_brings_nothing_of_the_lab(tmp_path: Path) -> None:
    told = told_by(_START, tmp_path, str(tmp_path))
    # The tab's place, the routes and the endpoints, which import what answers in their functions.
    assert told == {
        "lab": ["ui.api.lab", "ui.jobs.lab", "ui.panels.lab"],
        "place": True,
        "script": False,
    }


def test_its_files_come_when_it_is_first_shown(pages: Pages) -> None:
    page = pages()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.evaluate("loom.openLab") is None
    assert not page.locator(".lab-panel").count()
    open_tab(page, "Lab")
    expect(page.locator(".lab[data-state=open]")).to_be_visible()
    assert len([url for url in asked if "/lab/files/" in url]) == 2
    open_tab(page, "txt2img")
    open_tab(page, "Lab")
    expect(page.locator(".lab-panel").first).to_be_visible()
    assert len([url for url in asked if "/lab/files/" in url]) == 2


def test_the_lab_follows_the_chosen_model(pages: Pages) -> None:
    page = pages()
    open_tab(page, "Lab")
    root = page.locator(".lab")
    expect(root).to_have_attribute("data-model", page.evaluate("loom.forms.txt2img.last.model"))

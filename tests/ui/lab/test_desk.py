"""The Lab's script takes from the page's what that has."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.errors import BadInput
from backend.engine.fake.engine import FakeEngine
from ui.lab import desk
from ui.page.theme import COMPAT, STATIC
from ui.server.bundle import bundle
from ui.server.studio import studio_at


def test_the_script_holds_the_panels_and_nothing_of_the_page() -> None:
    page = bundle(STATIC, COMPAT)
    script, style = desk.files(page)
    text = script.content.decode()
    assert "modules['latents'] = " in text
    assert "modules['jobs'] = " not in text
    assert "globalThis.loomModules" in text
    assert b".lab-panel" in style.content
    assert desk.files(page) is desk.files(page)
    assert desk.about(page)["script"] == script.name


def test_there_is_nothing_to_save_before_a_picture(tmp_path: Path) -> None:
    studio = studio_at(tmp_path, tmp_path, lambda _: FakeEngine(step_time_s=0.001))
    with pytest.raises(BadInput):
        desk.data(studio, "none")
    studio.engine.close()

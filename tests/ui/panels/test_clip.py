"""The panel of a clip; what it does is seen in a browser (tests/ui/page/tabs/test_clip.py)."""

from __future__ import annotations

from typing import Any, cast, get_args

from backend.contracts.settings import MorphFormat
from ui.panels.clip import clip_panel
from ui.server.studio import Studio


def test_it_offers_every_format() -> None:
    held: Any = type("Held", (), {"engine": None})()
    panel = clip_panel(cast(Studio, held))
    assert all(f'data-format="{one}"' in panel.html_template for one in get_args(MorphFormat))
    assert "mountClip" in str(panel.js_on_load)

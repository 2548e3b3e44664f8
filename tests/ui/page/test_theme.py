"""The page's looks hold nothing that is fetched from elsewhere."""

from __future__ import annotations

import re

from ui.page.theme import STATIC, css, theme


def test_fonts_are_the_systems() -> None:
    assert theme()._font_css == []
    assert "@font-face" not in css()


def test_the_sheet_and_the_scripts_ask_no_other_host() -> None:
    scripts = sorted(STATIC.glob("*.js"))
    assert scripts
    for text in (css(), *(path.read_text("utf-8") for path in scripts)):
        asked = r"""(?:url\(|src=|href=|fetch\(|import\()\s*["'`]?(?:https?:)?//"""
        assert not re.search(asked, text)

"""Which scripts may stand in the page: those of Gradio's own template, told by their hashes.

Gradio (6.31) puts its configuration and some lines of its own into the page as scripts, without a
nonce, so that no policy could tell them from one that was brought in. Upstream:
gradio-app/gradio#4263 asks for pages that a policy can be set for.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import gradio
from starlette.types import Scope

from ui.server.headers import SCRIPTS

_ELSEWHERE = re.compile(r"\ssrc=")


def _scripts(page: str) -> list[str]:
    """The scripts that stand in a page; looks at each character a few times at most."""
    found: list[str] = []
    for part in page.split("</script>")[:-1]:
        _, begun, rest = part.partition("<script")
        tag, closed, script = rest.partition(">")
        if begun and closed and not _ELSEWHERE.search(tag):
            found.append(script)
    return found


def template_scripts() -> tuple[str, ...]:
    """How each script of the template begins: all of it up to the first value that is put in."""
    template = Path(gradio.__file__).parent / "templates" / "frontend" / "index.html"
    return tuple(script.partition("{{")[0] for script in _scripts(template.read_text("utf-8")))


def allow(scope: Scope, page: str, known: tuple[str, ...]) -> None:
    """Notes the hashes of the template's scripts in a page that is about to be sent.

    Values that are put in cannot end a script: Gradio writes `<` as an escape there. One that
    stands anywhere else, or a second time, is not the template's.
    """
    left = list(known)
    hashes: list[str] = []
    for script in _scripts(page):
        begins = next((begin for begin in left if script.startswith(begin)), None)
        if begins is not None:
            left.remove(begins)
            digest = hashlib.sha256(script.encode()).digest()
            hashes.append(f"'sha256-{base64.b64encode(digest).decode()}'")
    scope.setdefault("state", {})[SCRIPTS] = tuple(hashes)

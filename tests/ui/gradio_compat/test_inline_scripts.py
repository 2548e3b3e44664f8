"""The template's scripts are allowed, each once, and nothing else that stands in the page."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import httpx

from tests.ui.conftest import Server
from ui.gradio_compat.inline_scripts import allow, template_scripts
from ui.server.headers import SCRIPTS

KNOWN = ("window.config = ", "let it = 1;")


def noted(page: str) -> tuple[str, ...]:
    scope: dict[str, Any] = {}
    allow(scope, page, KNOWN)
    return scope["state"][SCRIPTS]


def hashed(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_scripts_of_the_template_are_allowed_with_the_values_that_were_put_in() -> None:
    page = "<script>window.config = {1};</script><script data-x>let it = 1;</script>"
    assert noted(page) == (hashed("window.config = {1};"), hashed("let it = 1;"))


def test_others_are_not_nor_the_same_once_more() -> None:
    page = (
        "<script>alert(1)</script><script>window.config = 1</script>"
        "<script>window.config = 1;alert(1)</script><script src='x'>let it = 1;</script>"
    )
    assert noted(page) == (hashed("window.config = 1"),)
    assert noted("<p>none</p>") == ()


def test_gradios_scripts_carry_no_nonce() -> None:
    known = template_scripts()
    assert len(known) >= 4
    assert any(script.startswith("window.gradio_config") for script in known)
    assert not any("nonce" in script for script in known)


def test_every_script_of_the_real_page_is_allowed(server: Server) -> None:
    answer = httpx.get(server.url)
    inline = [
        part.split(">", 1)[1].split("</script>")[0]
        for part in answer.text.split("<script")[1:]
        if "src=" not in part.split(">", 1)[0]
    ]
    policy = answer.headers["content-security-policy"]
    assert len(inline) >= 4
    for script in inline:
        assert hashed(script) in policy, script[:80]
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]

"""A page of another site can neither show the studio in a frame nor use a visitor's login."""

from __future__ import annotations

import httpx

from tests.hostile.conftest import PASSWORD, USER, Victim


def test_answers_of_all_kinds_say_so(victim: Victim, browser: httpx.Client) -> None:
    for path in ("/", "/config", "/assets/x", "/loom/memory", "/sdapi/v1/options", "/nothing"):
        headers = browser.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'self'" in headers["content-security-policy"], path
    refused = httpx.get(victim.server.url, headers={"host": "evil.example"})
    assert refused.headers["x-content-type-options"] == "nosniff"


def test_the_logins_cookies_are_this_sites_and_no_scripts(victim: Victim) -> None:
    answer = httpx.post(f"{victim.server.url}/login", data={"username": USER, "password": PASSWORD})
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    for cookie in cookies:
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()
